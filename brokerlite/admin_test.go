package brokerlite_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// S32
func TestCreateTopicsChecksEverything(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a.b", 1)
	for _, c := range []struct {
		name       string
		partitions int32
		configs    []string
		want       *kerr.Error
	}{
		{"", 1, nil, kerr.InvalidTopicException},
		{"..", 1, nil, kerr.InvalidTopicException},
		{"a/b", 1, nil, kerr.InvalidTopicException},
		{strings.Repeat("x", 250), 1, nil, kerr.InvalidTopicException},
		{"a_b", 1, nil, kerr.InvalidTopicException},
		{"a.b", 1, nil, kerr.TopicAlreadyExists},
		{"p", 0, nil, kerr.InvalidPartitions},
		{"p", 10_001, nil, kerr.InvalidPartitions},
		{"p", 1, []string{"retention.hours", "1"}, kerr.InvalidConfig},
		{"p", 1, []string{"retention.ms", "soon"}, kerr.InvalidConfig},
	} {
		wantErr(t, fmt.Sprintf("create %.10q %d %v", c.name, c.partitions, c.configs), r.tryCreate(c.name, c.partitions, c.configs...), c.want)
	}
	r.create("p", -1, "cleanup.policy", "compact,delete", "retention.ms", "-1")
	r.crash()
	want(t, "survives", r.has("p"), true)
}

// S33
func TestConfigsAreDescribedWithTheirSource(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1, "retention.ms", "5")
	alter := kmsg.NewPtrIncrementalAlterConfigsRequest()
	alter.Version = 1
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, "a"
	change := func(name string, op kmsg.IncrementalAlterConfigOp, value string) {
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Op, c.Value = name, op, &value
		res.Configs = append(res.Configs, c)
	}
	change("cleanup.policy", kmsg.IncrementalAlterConfigOpAppend, "compact")
	change("retention.ms", kmsg.IncrementalAlterConfigOpDelete, "")
	change("max.message.bytes", kmsg.IncrementalAlterConfigOpSet, "200")
	alter.Resources = append(alter.Resources, res)
	want(t, "alter", r.do(alter).(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode, 0)
	res.Configs = nil
	change("segment.ms", kmsg.IncrementalAlterConfigOpAppend, "1")
	alter.Resources[0] = res
	bad := r.do(alter).(*kmsg.IncrementalAlterConfigsResponse).Resources[0]
	if bad.ErrorCode != kerr.InvalidConfig.Code || !strings.Contains(*bad.ErrorMessage, "segment.ms") {
		t.Errorf("append to a number: %d %v", bad.ErrorCode, bad.ErrorMessage)
	}
	r.crash()
	describe := kmsg.NewPtrDescribeConfigsRequest()
	describe.Version = 4
	dr := kmsg.NewDescribeConfigsRequestResource()
	dr.ResourceType, dr.ResourceName, dr.ConfigNames = kmsg.ConfigResourceTypeTopic, "a", nil
	describe.Resources = append(describe.Resources, dr)
	got := map[string]string{}
	for _, c := range r.do(describe).(*kmsg.DescribeConfigsResponse).Resources[0].Configs {
		got[c.Name] = fmt.Sprintf("%s/%d", *c.Value, c.Source)
	}
	want(t, "all", len(got), 25)
	want(t, "appended", got["cleanup.policy"], "delete,compact/1")
	want(t, "deleted", got["retention.ms"], "604800000/5")
	want(t, "set", got["max.message.bytes"], "200/1")
	want(t, "the broker's", got["segment.bytes"], "1073741824/4")
	_, err := r.tryProduce(nobody, "a", 0, strings.Repeat("x", 300))
	wantErr(t, "max.message.bytes is kept", err, kerr.MessageTooLarge)
	resp := r.do(produceRequest(nobody, "a", 0, nilKeyBatch())).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	want(t, "a nil key on a compacted topic", resp.ErrorCode, kerr.InvalidRecord.Code)
	want(t, "names the record", len(resp.ErrorRecords), 1)
}

func nilKeyBatch() []byte {
	var e recordbatch.Encoder
	e.Begin(nil, recordbatch.None)
	e.Append(nil, []byte("v"), nil, 0)
	b, err := e.End(recordbatch.NoProducer)
	if err != nil {
		panic(err)
	}
	return b
}

func TestPartitionsAreAddedAndNeverTakenAway(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	widen := func(n int32) int16 {
		req := kmsg.NewPtrCreatePartitionsRequest()
		req.Version = 3
		rt := kmsg.NewCreatePartitionsRequestTopic()
		rt.Topic, rt.Count = "a", n
		req.Topics = append(req.Topics, rt)
		return r.do(req).(*kmsg.CreatePartitionsResponse).Topics[0].ErrorCode
	}
	want(t, "wider", widen(3), 0)
	want(t, "narrower", widen(2), kerr.InvalidPartitions.Code)
	r.produce(nobody, "a", 2, "x")
	r.crash()
	want(t, "content", fmt.Sprint(r.values("a", 2, true)), "[0:x]")
	r.restart()
	want(t, "as wide as it is", widen(3), kerr.InvalidPartitions.Code)
}

func TestTopicIDsChangeWithTheTopic(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	id := func() [16]byte {
		req := kmsg.NewPtrMetadataRequest()
		req.Version = 12
		topic := r.do(req).(*kmsg.MetadataResponse).Topics[0]
		return topic.TopicID
	}
	r.create("a", 1)
	first := id()
	r.crash()
	want(t, "the same after a crash", id(), first)
	r.delete("a")
	r.create("a", 1)
	if second := id(); second == first || second[6]>>4 != 4 || second == [16]byte{} {
		t.Errorf("made anew: %x after %x, want another uuid of version 4", second, first)
	}
	req := fetchRequest("", 0, 0, false)
	req.Version, req.Topics[0].TopicID = 17, first
	got := r.do(req).(*kmsg.FetchResponse).Topics[0].Partitions[0].ErrorCode
	want(t, "fetch by the old id", got, kerr.UnknownTopicID.Code)
}

func TestMetadataNeverCreatesUnlessTold(t *testing.T) {
	for _, auto := range []bool{false, true} {
		r := newRig(t, brokerlite.Config{AutoCreateTopics: auto, DefaultPartitions: 4})
		req := kmsg.NewPtrMetadataRequest()
		req.Version, req.AllowAutoTopicCreation = 12, true
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr("new")
		req.Topics = append(req.Topics, rt)
		topic := r.do(req).(*kmsg.MetadataResponse).Topics[0]
		want(t, "exists", topic.ErrorCode == 0, auto)
		if auto {
			want(t, "partitions", len(topic.Partitions), 4)
		}
		r.b.Close()
	}
}

// S26, C-43
func TestOffsetsByTimeC43(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	const base = 1_500_000_000_000
	stamps := func(ts ...int64) {
		t.Helper()
		var e recordbatch.Encoder
		e.Begin(nil, recordbatch.None)
		for _, ms := range ts {
			e.Append([]byte("k"), nil, nil, base+ms)
		}
		b, err := e.End(recordbatch.NoProducer)
		if err != nil {
			t.Fatal(err)
		}
		resp := r.do(produceRequest(nobody, "a", 0, b)).(*kmsg.ProduceResponse)
		want(t, "produce", resp.Topics[0].Partitions[0].ErrorCode, 0)
	}
	ask := func(ts int64, committed bool) int64 {
		req := kmsg.NewPtrListOffsetsRequest()
		req.Version, req.ReplicaID = 8, -1
		if committed {
			req.IsolationLevel = 1
		}
		rt := kmsg.NewListOffsetsRequestTopic()
		rt.Topic = "a"
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Timestamp = ts
		rt.Partitions = append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
		p := r.do(req).(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
		wantErr(t, "list offsets", codeErr(p.ErrorCode), nil)
		return p.Offset
	}
	stamps(0, 10, 10, 20)
	for ts, offset := range map[int64]int64{-1: 0, 5: 1, 10: 1, 20: 3, 21: -1} {
		want(t, fmt.Sprint("at ", ts), ask(base+ts, false), offset)
	}
	want(t, "earliest", ask(-2, false), 0)
	want(t, "latest", ask(-1, false), 4)
	want(t, "largest timestamp", ask(-3, false), 3)
	p := r.init("tx")
	r.produce(p, "a", 0, "open") // stamped 2020
	want(t, "latest stable", ask(-1, true), 4)
	want(t, "latest high", ask(-1, false), 5)
	want(t, "open transaction by time", ask(base+100, true), -1)
	r.end(p, true)
	want(t, "after the commit", ask(base+100, true), 4)
	deleteRecords(r, "a", 0) // up to 3: inside the first batch, whose segment stays for now
	want(t, "a time that is deleted", ask(base, false), 3)
	want(t, "a time that is not", ask(base+100, false), 4)
	want(t, "largest timestamp", ask(-3, false), 4)
}

// S18, S17, C-45
func TestGroupOffsetsLiveAndDieDurablyC45(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Version, commit.Group, commit.Generation = 8, "g", -1
	ct := kmsg.NewOffsetCommitRequestTopic()
	ct.Topic = "a"
	cp := kmsg.NewOffsetCommitRequestTopicPartition()
	cp.Offset = 42
	ct.Partitions = append(ct.Partitions, cp)
	commit.Topics = append(commit.Topics, ct)
	want(t, "commit", r.do(commit).(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode, 0)
	r.crash()
	got, err := r.committed("g", "a", 0, true)
	wantErr(t, "fetch", err, nil)
	want(t, "committed", got, 42)
	del := kmsg.NewPtrDeleteGroupsRequest()
	del.Version, del.Groups = 2, []string{"g"}
	want(t, "delete", r.do(del).(*kmsg.DeleteGroupsResponse).Groups[0].ErrorCode, 0)
	r.crash()
	got, err = r.committed("g", "a", 0, true)
	wantErr(t, "fetch", err, nil)
	want(t, "deleted", got, -1)
}

func TestMembershipThroughHandle(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	join := kmsg.NewPtrJoinGroupRequest()
	join.Version, join.Group, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = 9, "g", 10_000, 10_000
	join.ProtocolType = "consumer"
	jp := kmsg.NewJoinGroupRequestProtocol()
	jp.Name, jp.Metadata = "range", []byte{1}
	join.Protocols = append(join.Protocols, jp)
	first := r.do(join).(*kmsg.JoinGroupResponse)
	want(t, "first join", first.ErrorCode, kerr.MemberIDRequired.Code)
	join.MemberID = first.MemberID
	joined := r.do(join).(*kmsg.JoinGroupResponse)
	want(t, "second join", joined.ErrorCode, 0)
	want(t, "leader", joined.LeaderID, joined.MemberID)
	beat := kmsg.NewPtrHeartbeatRequest()
	beat.Version, beat.Group, beat.MemberID, beat.Generation = 4, "g", joined.MemberID, joined.Generation
	want(t, "heartbeat", r.do(beat).(*kmsg.HeartbeatResponse).ErrorCode, 0)
	r.crash() // members of this process died with it
	want(t, "heartbeat after a crash", r.do(beat).(*kmsg.HeartbeatResponse).ErrorCode, kerr.UnknownMemberID.Code)

	join.MemberID = ""
	join.MemberID = r.do(join).(*kmsg.JoinGroupResponse).MemberID
	again := r.do(join).(*kmsg.JoinGroupResponse)
	if again.Generation <= joined.Generation {
		t.Errorf("generation %d after %d: generations never go back", again.Generation, joined.Generation)
	}
	// A second member's join waits for the first; its caller gives up.
	join.MemberID = ""
	join.MemberID = r.do(join).(*kmsg.JoinGroupResponse).MemberID
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := r.b.Handle(ctx, brokerlite.Embedded, join)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("join given up: %v", err)
	}
}

func TestOnlyWhatIsOfferedIsServed(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	req := kmsg.NewPtrApiVersionsRequest()
	req.Version, req.ClientSoftwareName, req.ClientSoftwareVersion = 3, "test", "1"
	resp := r.do(req).(*kmsg.ApiVersionsResponse)
	want(t, "requests", len(resp.ApiKeys), 25)
	want(t, "transaction protocol", resp.FinalizedFeatures[0].MaxVersionLevel, 2)
	for _, k := range resp.ApiKeys {
		for _, v := range []int16{k.MinVersion - 1, k.MaxVersion + 1} {
			if v < 0 || k.ApiKey == 18 {
				continue
			}
			ask := kmsg.RequestForKey(k.ApiKey)
			ask.SetVersion(v)
			if _, err := r.b.Handle(context.Background(), brokerlite.Embedded, ask); !errors.Is(err, brokerlite.ErrUnsupported) {
				t.Errorf("%s version %d: %v, want ErrUnsupported", kmsg.NameForKey(k.ApiKey), v, err)
			}
		}
		for v := k.MinVersion; v <= k.MaxVersion; v++ { // every version offered has an answer, empty as the request is
			ask := kmsg.RequestForKey(k.ApiKey)
			ask.SetVersion(v)
			if ap, is := ask.(*kmsg.ApiVersionsRequest); is {
				ap.ClientSoftwareName, ap.ClientSoftwareVersion = "test", "1"
			}
			if resp, err := r.b.Handle(context.Background(), brokerlite.Embedded, ask); err != nil {
				t.Errorf("%s version %d: %v", kmsg.NameForKey(k.ApiKey), v, err)
			} else if resp != nil && resp.GetVersion() != v {
				t.Errorf("%s version %d is answered in version %d", kmsg.NameForKey(k.ApiKey), v, resp.GetVersion())
			}
		}
	}
	if _, err := r.b.Handle(context.Background(), brokerlite.Embedded, kmsg.NewPtrControlledShutdownRequest()); !errors.Is(err, brokerlite.ErrUnsupported) {
		t.Errorf("a request nobody offers: %v", err)
	}
	req.Version = 5
	newer := r.do(req).(*kmsg.ApiVersionsResponse)
	want(t, "newer client", newer.ErrorCode, kerr.UnsupportedVersion.Code)
	want(t, "layout", newer.Version, 0)
}

// S6, S1, C-24
func TestProduceRefusesWhatItMust(t *testing.T) {
	r := newRig(t, brokerlite.Config{MaxMessageBytes: 1000})
	r.create("a", 1)
	r.create("append", 1, "message.timestamp.type", "LogAppendTime")
	code := func(topic string, b []byte) int16 {
		return r.do(produceRequest(nobody, topic, 0, b)).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode
	}
	stamped := func(ms int64) []byte {
		var e recordbatch.Encoder
		e.Begin(nil, recordbatch.None)
		e.Append([]byte("k"), nil, nil, ms)
		b, err := e.End(recordbatch.NoProducer)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := batch(nobody, "x")
	broken := append([]byte(nil), good...)
	broken[len(broken)-1] ^= 1
	for _, c := range []struct {
		what string
		code int16
		want *kerr.Error
	}{
		{"bad CRC", code("a", broken), kerr.CorruptMessage},
		{"two batches", code("a", append(append([]byte(nil), good...), good...)), kerr.InvalidRecord},
		{"nothing", code("a", nil), kerr.InvalidRecord},
		{"too large", code("a", batch(nobody, strings.Repeat("x", 1000))), kerr.MessageTooLarge},
		{"microseconds for milliseconds", code("a", stamped(testStart.UnixMicro())), kerr.InvalidTimestamp},
		{"two hours ahead", code("a", stamped(testStart.UnixMilli()+7_200_000)), kerr.InvalidTimestamp},
		{"unknown topic", code("b", good), kerr.UnknownTopicOrPartition},
	} {
		want(t, c.what, c.code, c.want.Code)
	}
	want(t, "seconds for milliseconds are taken, as in Kafka", code("a", stamped(testStart.Unix())), 0)
	resp := r.do(produceRequest(nobody, "append", 0, stamped(0))).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	want(t, "append time", resp.LogAppendTime, testStart.UnixMilli())
	b, _, err := recordbatch.Next(r.fetch("append", 0, 0, false).RecordBatches)
	if err != nil || b.VerifyCRC() != nil || !b.LogAppendTime() || b.MaxTimestamp() != testStart.UnixMilli() {
		t.Errorf("stored: %v, append time %v, %d", err, b.LogAppendTime(), b.MaxTimestamp())
	}
	want(t, "the caller's bytes are left alone", fmt.Sprint(good), fmt.Sprint(batch(nobody, "x")))
}
