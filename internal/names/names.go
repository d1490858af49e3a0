// Package names derives what Millrun calls things from what the program calls them. One function each; everybody who needs a
// topic, a group or a directory asks here, so a name cannot be spelled in two ways.
//
// The arguments are letters, digits, "-" and "_" (Check says so), never a dot: the dots of a derived name separate its parts.
// Editions count from 1.
package names

import (
	"fmt"
	"path"
	"strconv"
)

// Edition is the part of a name that says which build of a processor's tables it belongs to: "e1".
func Edition(n int) string { return "e" + strconv.Itoa(n) }

// Group is the consumer group of an edition of a processor.
func Group(app, processor string, edition int) string {
	return app + "." + processor + "." + Edition(edition)
}

// Changelog is the compacted topic of a table.
func Changelog(app, processor, table string, edition int) string {
	return app + "." + processor + "." + table + "." + Edition(edition)
}

// Internal is the topic of an internal stream.
func Internal(app, processor, stream string, edition int) string {
	return app + "." + processor + "." + stream + "." + Edition(edition)
}

// Journal is the topic with the positions of a processor's editions and the order in which its inputs were taken.
func Journal(app, processor string) string { return app + "." + processor + "." + journal }

// Control is the topic with the history of an application's editions.
func Control(app string) string { return app + "." + control }

// DeadLetters is the topic for records that the serving edition of a processor could not handle.
func DeadLetters(app, processor string) string { return app + "." + processor + "." + deadLetters }

// DeadLettersOf is where an edition that is still building puts such records.
func DeadLettersOf(app, processor string, edition int) string {
	return DeadLetters(app, processor) + "." + Edition(edition)
}

// TransactionalID names a lane's producer; worker is the id kept in the state directory.
func TransactionalID(app, processor string, edition int, worker string, lane int) string {
	return Group(app, processor, edition) + "." + worker + "." + strconv.Itoa(lane)
}

// AppDir is the directory of an application below the state directory.
func AppDir(stateDir, app string) string { return path.Join(stateDir, app) }

// EditionDir is the directory of all tasks of an edition.
func EditionDir(stateDir, app, processor string, edition int) string {
	return path.Join(AppDir(stateDir, app), processor+"."+Edition(edition))
}

// TaskDir is the directory of one task.
func TaskDir(stateDir, app, processor string, edition int, partition int32) string {
	return path.Join(EditionDir(stateDir, app, processor, edition), strconv.Itoa(int(partition)))
}

// CopyDir is the directory of a task's copy of a table that it reads, by the topic that the copy is of.
func CopyDir(stateDir, app, processor string, edition int, partition int32, topic string) string {
	return path.Join(TaskDir(stateDir, app, processor, edition, partition), "reads", topic)
}

// GlobalDir is the directory of a worker's copy of a table that its tasks read whole, by the topic that the copy is of. No
// edition has it: their directories have a dot.
func GlobalDir(stateDir, app, topic string) string {
	return path.Join(AppDir(stateDir, app), "global", topic)
}

// Lock is the file whose lock one worker of an application holds.
func Lock(stateDir, app string) string { return path.Join(AppDir(stateDir, app), "LOCK") }

const (
	journal     = "journal"
	control     = "control"
	deadLetters = "dead-letters"
	// most is the longest topic name that Kafka takes.
	most = 249
)

// Check says what is wrong with the name of an application, a processor, a table or an internal stream; nil if nothing is.
func Check(name string) error {
	if name == "" {
		return fmt.Errorf("the name is empty")
	}
	for _, r := range name {
		if !letter(r) {
			return fmt.Errorf("the name %q has %q: use letters, digits, - and _", name, r)
		}
	}
	if name == deadLetters {
		return fmt.Errorf("the name %q is taken: Millrun keeps dead letters in a topic of that name", name)
	}
	return nil
}

// CheckTopic says what is wrong with the name of a topic, by Kafka's rule; nil if nothing is.
func CheckTopic(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the name is empty")
	case name == "." || name == "..":
		return fmt.Errorf("a topic cannot be called %q", name)
	}
	for _, r := range name {
		if !letter(r) && r != '.' {
			return fmt.Errorf("the name %q has %q: topics use letters, digits, - _ and dots", name, r)
		}
	}
	return CheckLength(name)
}

// CheckLength says that a topic's name is longer than Kafka takes; nil if it is not.
func CheckLength(topic string) error {
	if len(topic) > most {
		return fmt.Errorf("the topic %q has %d characters, and %d are the most", topic, len(topic), most)
	}
	return nil
}

func letter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}
