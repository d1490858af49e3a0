package api

import (
	"context"
	"slices"
	"strings"

	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/millrun/millrun/brokerlite/internal/meta"
	"github.com/millrun/millrun/brokerlite/internal/settings"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// incrementalAlterConfigs answers IncrementalAlterConfigs, versions 0 and 1: set, delete, append and subtract on topics.
// The broker's own settings are given at Open and do not change.
func (s *Server) incrementalAlterConfigs(ctx context.Context, req *kmsg.IncrementalAlterConfigsRequest) (kmsg.Response, error) {
	resp := req.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	for _, in := range req.Resources {
		r := kmsg.NewIncrementalAlterConfigsResponseResource()
		r.ResourceType, r.ResourceName = in.ResourceType, in.ResourceName
		var err error
		if in.ResourceType == kmsg.ConfigResourceTypeTopic {
			err = s.e.SetConfigs(ctx, in.ResourceName, req.ValidateOnly, func(now []meta.Setting) ([]meta.Setting, error) {
				return alter(now, in.Configs)
			})
		} else {
			err = engine.Refuse(kerr.InvalidRequest, "settings of resource type %v do not change", in.ResourceType)
		}
		var fatal error
		if r.ErrorCode, r.ErrorMessage, fatal = refusal(err); fatal != nil {
			return nil, fatal
		}
		resp.Resources = append(resp.Resources, r)
	}
	return resp, nil
}

// alter gives the overrides after the changes, checked and sorted.
func alter(now []meta.Setting, changes []kmsg.IncrementalAlterConfigsRequestResourceConfig) ([]meta.Setting, error) {
	changed := map[string]bool{}
	for _, c := range changes {
		row, err := settings.Lookup(c.Name)
		switch {
		case err != nil:
			return nil, engine.Refuse(kerr.InvalidConfig, "%v", err)
		case changed[c.Name]:
			return nil, engine.Refuse(kerr.InvalidRequest, "%s is changed twice", c.Name)
		case c.Op != kmsg.IncrementalAlterConfigOpDelete && c.Value == nil:
			return nil, engine.Refuse(kerr.InvalidConfig, "%s: want a value, not null", c.Name)
		}
		changed[c.Name] = true
		at := slices.IndexFunc(now, func(s meta.Setting) bool { return s.Name == c.Name })
		present := row.Default
		if at >= 0 {
			present = now[at].Value
			now = slices.Delete(now, at, at+1)
		}
		value, keep, err := altered(row, present, c)
		if err != nil {
			return nil, err
		}
		if keep {
			now = append(now, meta.Setting{Name: c.Name, Value: value})
		}
	}
	return now, checkSettings(now)
}

// altered gives the value after one change, and whether one is left.
func altered(row *settings.Setting, present string, c kmsg.IncrementalAlterConfigsRequestResourceConfig) (string, bool, error) {
	switch c.Op {
	case kmsg.IncrementalAlterConfigOpDelete:
		return "", false, nil
	case kmsg.IncrementalAlterConfigOpSet:
		return *c.Value, true, nil
	case kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract:
		if !row.List() {
			return "", false, engine.Refuse(kerr.InvalidConfig, "%s is no list: want set or delete", c.Name)
		}
	default:
		return "", false, engine.Refuse(kerr.InvalidRequest, "%s: operation %d is not known", c.Name, c.Op)
	}
	items, given := settings.Split(present), settings.Split(*c.Value)
	items = slices.DeleteFunc(items, func(item string) bool { return slices.Contains(given, item) })
	if c.Op == kmsg.IncrementalAlterConfigOpAppend {
		items = append(items, given...)
	}
	return strings.Join(items, ","), true, nil
}
