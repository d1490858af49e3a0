package api

import (
	"context"
	"slices"
	"strconv"

	"github.com/millrun/millrun/brokerlite/internal/settings"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// describeConfigs answers DescribeConfigs, versions 1 to 4: every setting with where its value comes from (S33), for
// topics and for the broker.
func (s *Server) describeConfigs(_ context.Context, req *kmsg.DescribeConfigsRequest) (kmsg.Response, error) {
	resp := req.ResponseKind().(*kmsg.DescribeConfigsResponse)
	for _, in := range req.Resources {
		r := kmsg.NewDescribeConfigsResponseResource()
		r.ResourceType, r.ResourceName = in.ResourceType, in.ResourceName
		refuse := func(e *kerr.Error, why string) { r.ErrorCode, r.ErrorMessage = e.Code, kmsg.StringPtr(why) }
		switch in.ResourceType {
		case kmsg.ConfigResourceTypeTopic:
			if t := s.e.Catalog().Topic(in.ResourceName); t != nil {
				r.Configs = topicConfigs(t.Settings, req)
			} else {
				refuse(kerr.UnknownTopicOrPartition, "topic "+strconv.Quote(in.ResourceName)+" is not known")
			}
		case kmsg.ConfigResourceTypeBroker:
			if in.ResourceName == "" || in.ResourceName == strconv.Itoa(node) {
				r.Configs = s.brokerConfigs()
			} else {
				refuse(kerr.InvalidRequest, "broker "+strconv.Quote(in.ResourceName)+" is not known, want "+strconv.Itoa(node))
			}
		default:
			refuse(kerr.InvalidRequest, "resource type "+in.ResourceType.String()+" has no configs here")
		}
		if in.ConfigNames != nil {
			r.Configs = slices.DeleteFunc(r.Configs, func(c kmsg.DescribeConfigsResponseResourceConfig) bool {
				return !slices.Contains(in.ConfigNames, c.Name)
			})
		}
		resp.Resources = append(resp.Resources, r)
	}
	return resp, nil
}

func source(v settings.Value) kmsg.ConfigSource {
	switch {
	case v.Overridden:
		return kmsg.ConfigSourceDynamicTopicConfig
	case v.Broker != "":
		return kmsg.ConfigSourceStaticBrokerConfig
	}
	return kmsg.ConfigSourceDefaultConfig
}

func topicConfigs(t settings.Topic, req *kmsg.DescribeConfigsRequest) []kmsg.DescribeConfigsResponseResourceConfig {
	var out []kmsg.DescribeConfigsResponseResourceConfig
	for i := range settings.All() {
		v := t.Get(settings.All()[i].Name)
		c := kmsg.NewDescribeConfigsResponseResourceConfig()
		c.Name, c.Value, c.Source, c.ConfigType = v.Name, kmsg.StringPtr(v.Value), source(v), v.Type
		c.IsDefault = c.Source == kmsg.ConfigSourceDefaultConfig
		if req.IncludeDocumentation {
			c.Documentation = kmsg.StringPtr(v.Doc)
		}
		if req.IncludeSynonyms {
			c.ConfigSynonyms = synonyms(v)
		}
		out = append(out, c)
	}
	return out
}

// synonyms lists the values from the one in force down to the default.
func synonyms(v settings.Value) []kmsg.DescribeConfigsResponseResourceConfigConfigSynonym {
	var out []kmsg.DescribeConfigsResponseResourceConfigConfigSynonym
	add := func(value string, from kmsg.ConfigSource) {
		s := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
		s.Name, s.Value, s.Source = v.Name, kmsg.StringPtr(value), from
		out = append(out, s)
	}
	if v.Overridden {
		add(v.Value, kmsg.ConfigSourceDynamicTopicConfig)
	}
	if v.Broker != "" {
		add(v.Broker, kmsg.ConfigSourceStaticBrokerConfig)
	}
	add(v.Default, kmsg.ConfigSourceDefaultConfig)
	return out
}

// brokerConfigs are the settings of the broker that clients ask about; all are read-only.
func (s *Server) brokerConfigs() []kmsg.DescribeConfigsResponseResourceConfig {
	values := []struct {
		name, value string
		kind        kmsg.ConfigType
	}{
		{"auto.create.topics.enable", strconv.FormatBool(s.c.AutoCreateTopics), kmsg.ConfigTypeBoolean},
		{"broker.id", strconv.Itoa(node), kmsg.ConfigTypeInt},
		{"default.replication.factor", "1", kmsg.ConfigTypeInt},
		{"min.insync.replicas", "1", kmsg.ConfigTypeInt},
		{"num.partitions", strconv.Itoa(int(s.c.DefaultPartitions)), kmsg.ConfigTypeInt},
		{"transaction.max.timeout.ms", strconv.FormatInt(s.c.MaxTransactionTimeout.Milliseconds(), 10), kmsg.ConfigTypeInt},
	}
	var out []kmsg.DescribeConfigsResponseResourceConfig
	for _, v := range values {
		c := kmsg.NewDescribeConfigsResponseResourceConfig()
		c.Name, c.Value, c.ConfigType, c.ReadOnly = v.name, kmsg.StringPtr(v.value), v.kind, true
		c.Source = kmsg.ConfigSourceStaticBrokerConfig
		out = append(out, c)
	}
	return out
}
