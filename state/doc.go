// Package state holds the tables of tasks as bytes: on disk in LevelDB, or in memory.
//
//	s, err := state.Open(state.Config{FS: files, Dir: dir, Tables: tables, Identity: id})
//	m := s.Mark()                    // replay the changelogs from here: Restore, Restore, Commit
//	c := state.NewCache(s, 0)
//	v, ok, err := c.Get(0, key)      // in a handler
//	c.Put(0, key, next)
//	c.Accept()                       // the handler returned nil
//	changes := c.Freeze()            // a commit begins: changes.Records go to the changelogs
//	err = s.Apply(changes, mark)     // the log said committed
//	c.Thaw()
//
// Promised: a Store never holds what was not applied (S-1); a batch of entries and the Mark that speaks of them are there
// together or not at all; after any stop, replay of the changelogs from Mark gives the contents that the log says (S-13);
// contents that another log, other topics or damage have left are moved aside, never used (S-12); no key of a user can equal an
// internal one. Same calls, same contents, whatever the sizes of cache and buffers (S-67).
//
// Not promised: that what was applied after the last Barrier survives a power cut. The changelog is the truth, the store a
// place to look things up.
//
// Limits: a key and a value together must fit in memory several times; 65,534 tables in a store. What is written between two
// commits is held in memory whole (S-66 bounds it in package worker).
//
// The format on disk is described in docs/format/state.md; Check walks a directory and Dump prints it.
package state
