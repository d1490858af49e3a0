// Package member keeps one worker in one consumer group: it joins, divides the partitions when it leads, heartbeats,
// and tells its host which partitions it owns in which generation. It is a machine over commitlog.Groups, the same on
// every log.
package member
