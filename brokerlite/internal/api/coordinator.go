package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// findCoordinator answers FindCoordinator, versions 0 to 6: this broker, for groups (type 0) and transactions (type 1).
func (s *Server) findCoordinator(_ context.Context, req *kmsg.FindCoordinatorRequest) (kmsg.Response, error) {
	resp := req.ResponseKind().(*kmsg.FindCoordinatorResponse)
	known := req.CoordinatorType == 0 || req.CoordinatorType == 1
	if req.Version < 4 {
		resp.NodeID, resp.Host, resp.Port = node, s.c.AdvertisedHost, s.c.AdvertisedPort
		if !known {
			resp.NodeID, resp.Host, resp.Port, resp.ErrorCode = -1, "", -1, kerr.InvalidRequest.Code
		}
		return resp, nil
	}
	for _, key := range req.CoordinatorKeys {
		c := kmsg.NewFindCoordinatorResponseCoordinator()
		c.Key, c.NodeID, c.Host, c.Port = key, node, s.c.AdvertisedHost, s.c.AdvertisedPort
		if !known {
			c.NodeID, c.Host, c.Port, c.ErrorCode = -1, "", -1, kerr.InvalidRequest.Code
		}
		resp.Coordinators = append(resp.Coordinators, c)
	}
	return resp, nil
}
