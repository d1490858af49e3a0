package logtest

import (
	"slices"

	"github.com/millrun/millrun/commitlog"
)

var admin = []testCase{
	{name: "TopicsAreCreatedAndDescribed", run: topicsAreCreated},
	{name: "ATopicCreatedAnewHasAnotherID", run: topicCreatedAnew},
	{name: "PartitionsCanBeAdded", run: partitionsCanBeAdded},
	{name: "SettingsAreReadAndChanged", run: settings},
	{name: "ClusterIDStays", run: clusterIDStays},
}

func topicsAreCreated(k *kit) {
	name := k.name("topic")
	_, err := k.Log.Topics(k.ctx, name)
	k.is(err, commitlog.ErrUnknownTopic)
	_, err = k.Log.Topics(k.ctx, name) // asking has not created it
	k.is(err, commitlog.ErrUnknownTopic)
	k.ok(k.Log.CreateTopic(k.ctx, commitlog.TopicSpec{Name: name, Partitions: 3}))
	other := k.topic(1)
	for index := range int32(3) { // can be written at once
		k.write(commitlog.Partition{Topic: name, Index: index}, "v")
	}
	got, err := k.Log.Topics(k.ctx, other, name)
	k.ok(err)
	if len(got) != 2 || got[0].Name != other || got[1].Name != name || got[1].Partitions != 3 || got[1].Replicas < 1 ||
		got[1].ID == [16]byte{} || got[1].ID == got[0].ID || got[1].Internal {
		k.Errorf("topics are %+v", got)
	}
	all, err := k.Log.Topics(k.ctx)
	k.ok(err)
	names := []string{}
	for _, t := range all {
		names = append(names, t.Name)
	}
	if !slices.Contains(names, name) || !slices.Contains(names, other) || !slices.IsSorted(names) {
		k.Errorf("all topics are %v", names)
	}
	k.is(k.Log.CreateTopic(k.ctx, commitlog.TopicSpec{Name: name, Partitions: 3}), commitlog.ErrTopicExists)
	for _, bad := range []commitlog.TopicSpec{{Name: "", Partitions: 1}, {Name: "a/b", Partitions: 1}, {Name: "..", Partitions: 1},
		{Name: k.name("topic"), Partitions: -5}, {Name: k.name("topic"), Config: map[string]string{"no.such.setting": "1"}},
		{Name: k.name("topic"), Config: map[string]string{"max.message.bytes": "many"}}} {
		k.is(k.Log.CreateTopic(k.ctx, bad), commitlog.ErrInvalidConfig)
	}
	k.ok(k.Log.CreateTopic(k.ctx, commitlog.TopicSpec{Name: k.name("topic")})) // all by default
}

func topicCreatedAnew(k *kit) { // C-42
	name, group := k.topic(1), k.name("group")
	p := commitlog.Partition{Topic: name}
	k.write(p, "old", "old", "old")
	k.ok(k.Log.CommitOffsets(k.ctx, alone(group), []commitlog.Position{at(p, 3)}))
	before, err := k.Log.Topics(k.ctx, name)
	k.ok(err)
	r := k.reader(commitlog.ReaderConfig{})
	r.Seek(p, 3)
	k.ok(k.Log.DeleteTopic(k.ctx, name))
	_, err = k.Log.Topics(k.ctx, name)
	k.is(err, commitlog.ErrUnknownTopic)
	k.is(k.Log.DeleteTopic(k.ctx, name), commitlog.ErrUnknownTopic)
	_, err = k.poll(r)
	k.is(err, commitlog.ErrUnknownTopic)
	k.ok(k.Log.CreateTopic(k.ctx, commitlog.TopicSpec{Name: name, Partitions: 1}))
	after, err := k.Log.Topics(k.ctx, name)
	k.ok(err)
	if after[0].ID == before[0].ID {
		k.Errorf("the new topic has the id of the old one, %x", after[0].ID)
	}
	k.equal("end", k.end(p, commitlog.ReadUncommitted), 0)
	k.equal("committed offset", k.offsetOf(group, p), -1)
	k.write(p, "new")
	k.equal("values", k.committed(p), []string{"new"})
	t := k.transactor(k.name("id"))
	k.append(t, p, "in a transaction")
	_, err = t.Commit(k.ctx)
	k.ok(err)
}

func partitionsCanBeAdded(k *kit) {
	name := k.topic(1)
	k.ok(k.Log.AddPartitions(k.ctx, name, 3))
	k.write(commitlog.Partition{Topic: name, Index: 2}, "v")
	got, err := k.Log.Topics(k.ctx, name)
	k.ok(err)
	k.equal("partitions", got[0].Partitions, 3)
	k.is(k.Log.AddPartitions(k.ctx, name, 3), commitlog.ErrInvalidConfig)
	k.is(k.Log.AddPartitions(k.ctx, name, 2), commitlog.ErrInvalidConfig)
	k.is(k.Log.AddPartitions(k.ctx, k.name("unknown"), 2), commitlog.ErrUnknownTopic)
}

func settings(k *kit) {
	name := k.topicWith(1, map[string]string{"cleanup.policy": "compact", "delete.retention.ms": "1000"})
	got, err := k.Log.TopicConfig(k.ctx, name)
	k.ok(err)
	if got["cleanup.policy"] != "compact" || got["delete.retention.ms"] != "1000" || got["max.message.bytes"] == "" ||
		got["retention.ms"] == "" {
		k.Errorf("settings are %v", got)
	}
	k.ok(k.Log.SetTopicConfig(k.ctx, name, map[string]string{"delete.retention.ms": "2000"}))
	got, err = k.Log.TopicConfig(k.ctx, name)
	k.ok(err)
	k.equal("changed and unchanged", []string{got["delete.retention.ms"], got["cleanup.policy"]}, []string{"2000", "compact"})
	k.is(k.Log.SetTopicConfig(k.ctx, name, map[string]string{"no.such.setting": "1"}), commitlog.ErrInvalidConfig)
	k.is(k.Log.SetTopicConfig(k.ctx, name, map[string]string{"delete.retention.ms": "soon"}), commitlog.ErrInvalidConfig)
	_, err = k.Log.TopicConfig(k.ctx, k.name("unknown"))
	k.is(err, commitlog.ErrUnknownTopic)
	k.is(k.Log.SetTopicConfig(k.ctx, k.name("unknown"), map[string]string{"retention.ms": "1"}), commitlog.ErrUnknownTopic)
}

func clusterIDStays(k *kit) {
	first, err := k.Log.ClusterID(k.ctx)
	k.ok(err)
	if first == "" {
		k.Error("the cluster has no id")
	}
	second, err := k.Log.ClusterID(k.ctx)
	k.ok(err)
	k.equal("cluster id", second, first)
	if k.Reopen == nil {
		return
	}
	k.restart()
	third, err := k.Log.ClusterID(k.ctx)
	k.ok(err)
	k.equal("cluster id after a restart", third, first)
}
