package sandbox

import (
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// initName is argv[0] of the child: what makes Init take over.
const initName = "lathe-sandbox-init"

// Descriptors of the child.
const (
	controlFD = 3 // sequenced-packet socket to the parent
	configFD  = 4 // memory file with the config
)

// config is what the parent tells the child. Mount trees that only the parent
// may open come as descriptors with the first message, root first, then binds.
type config struct {
	RootFS      string            `json:"rootfs"`
	Args        []string          `json:"args"`
	Env         []string          `json:"env"`
	Dir         string            `json:"dir"`
	Files       map[string][]byte `json:"files"`
	FilesDir    string            `json:"files_dir"`
	Binds       []Bind            `json:"binds"`
	OutDir      string            `json:"out_dir"`
	TmpBytes    int64             `json:"tmp_bytes"`
	PIDs        int               `json:"pids"`
	CPUSeconds  uint64            `json:"cpu_seconds"`
	AddressSize uint64            `json:"address_size"` // 0: the cgroup limits memory
	GivenTrees  bool              `json:"given_trees"`
	Runtime     string            `json:"runtime"` // program of an OCI runtime; empty: this program itself
	Network     bool              `json:"network"` // a loopback interface with a proxy's listener
	Channel     bool              `json:"channel"` // descriptor 0 is a socket, which a runtime must pass on as 3

	file *os.File // where the child read this
}

// report is what the child answers.
type report struct {
	Ready        bool     `json:"ready"`
	Degradations []string `json:"degradations,omitempty"`
	Error        string   `json:"error,omitempty"`
	NoProgram    bool     `json:"no_program,omitempty"`
}

const maxPacket = 32 << 10

func sendReport(r report, fds ...int) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if len(raw) > maxPacket {
		raw = raw[:maxPacket]
	}
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	return unix.Sendmsg(controlFD, raw, oob, nil, unix.MSG_NOSIGNAL)
}

// recvGo waits for the parent's word; an error means that the parent is gone.
func recvGo() ([]int, error) {
	buf, oob := make([]byte, 16), make([]byte, unix.CmsgSpace(4*(maxBinds+1)))
	n, oobn, _, _, err := unix.Recvmsg(controlFD, buf, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("the launcher is gone")
	}
	return parseRights(oob[:oobn])
}

func parseRights(oob []byte) ([]int, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var fds []int
	for i := range msgs {
		got, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			return nil, err
		}
		fds = append(fds, got...)
	}
	return fds, nil
}
