package state

// The clock: a hand goes round the entries of all tables. Whoever was used since it came by last is spared once. What is
// staged, open or frozen is not the hand's business.

// handSteps bounds what one record pays for room.
const handSteps = 16

// evict makes room, if there is too little, in a few steps.
func (c *Cache) evict() {
	if c.limit < 0 || c.kept <= c.limit || c.scans > 0 {
		return
	}
	for range handSteps {
		c.step()
		if c.kept <= c.limit {
			return
		}
	}
}

// shrink makes room after a commit, when much has become free to go: at most two rounds.
func (c *Cache) shrink() {
	if c.limit < 0 || c.scans > 0 {
		return
	}
	steps := 0
	for i := range c.tables {
		steps += 2 * (len(c.tables[i].list) + 1)
	}
	for ; steps > 0 && c.kept > c.limit; steps-- {
		c.step()
	}
}

// step looks at one entry.
func (c *Cache) step() {
	if c.hand.table >= len(c.tables) {
		c.hand.table = 0
		return
	}
	t := &c.tables[c.hand.table]
	if int(c.hand.entry) >= len(t.list) {
		c.hand.table, c.hand.entry = c.hand.table+1, 0
		return
	}
	i := c.hand.entry
	c.hand.entry++
	e := &t.list[i]
	switch {
	case e.flags&live == 0 || e.flags&(open|frozen) != 0 || e.staged != 0:
	case e.flags&recent != 0:
		e.flags &^= recent
	default:
		c.kept -= e.size()
		t.index.dropped(c.sortForm(c.hand.table), e)
		t.remove(i)
	}
}
