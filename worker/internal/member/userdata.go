package member

import (
	"encoding/binary"
	"errors"
)

// userDataVersion begins our own part of a subscription.
const userDataVersion = 1

func appendUserData(b []byte, u UserData) []byte {
	b = append(b, userDataVersion)
	b = binary.AppendUvarint(b, uint64(len(u.WorkerID)))
	b = append(b, u.WorkerID...)
	b = binary.AppendUvarint(b, uint64(u.Edition))
	b = binary.AppendUvarint(b, uint64(len(u.Warm)))
	for _, p := range u.Warm {
		b = binary.AppendUvarint(b, uint64(p))
	}
	return b
}

var errUserData = errors.New("user data is damaged")

// readUserData reads what a member of Millrun says. Later versions may add fields at the end.
func readUserData(b []byte) (UserData, error) {
	var u UserData
	if len(b) == 0 || b[0] < userDataVersion {
		return u, errUserData
	}
	b = b[1:]
	bad := false
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			bad = true
			return 0
		}
		b = b[n:]
		return v
	}
	if n := number(); n <= uint64(len(b)) {
		u.WorkerID, b = string(b[:n]), b[n:]
	} else {
		return UserData{}, errUserData
	}
	u.Edition = uint32(number())
	for n := number(); n > 0 && !bad; n-- {
		u.Warm = append(u.Warm, int32(number()))
	}
	if bad {
		return UserData{}, errUserData
	}
	return u, nil
}
