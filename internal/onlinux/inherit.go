//go:build linux

package onlinux

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"atoll/internal/access"
	"atoll/internal/check"
	"atoll/internal/errs"
	"atoll/internal/layout"
	"atoll/internal/transfer"
)

// firstExtra is the descriptor that a child has of the first of cmd.ExtraFiles.
const firstExtra = 3

// Start starts a command whose process has handles of its own.
func Start(cmd *exec.Cmd, inherit map[string]Object) error {
	list := make([]transfer.Inherited, 0, len(inherit))
	var files []*os.File
	var releases []func()
	defer func() {
		closeAll(files)
		for _, release := range releases {
			release()
		}
	}()
	for _, key := range slices.Sorted(maps.Keys(inherit)) {
		h, release, err := pack(inherit[key], access.Request{}, userOf(cmd))
		if err != nil {
			return errs.Because(err, 0, nil, "the handle for %q", key)
		}
		releases = append(releases, release)
		for _, f := range []*transfer.File{&h.Object, &h.Second} {
			if f.FD >= 0 {
				files = append(files, os.NewFile(uintptr(f.FD), key))
				f.FD = firstExtra + len(cmd.ExtraFiles) + len(files) - 1
			}
		}
		list = append(list, transfer.Inherited{Key: key, Handle: h})
	}
	value, err := transfer.EncodeVariable(list)
	if err != nil {
		return err
	}
	check.Point("start.packed")
	env, extra := cmd.Env, cmd.ExtraFiles
	defer func() { cmd.Env, cmd.ExtraFiles = env, extra }()
	cmd.Env = slices.DeleteFunc(cmd.Environ(), func(line string) bool {
		return strings.HasPrefix(line, transfer.Variable+"=")
	})
	if len(list) > 0 {
		cmd.Env = append(cmd.Env, transfer.Variable+"="+value)
	}
	cmd.ExtraFiles = append(slices.Clip(extra), files...)
	err = cmd.Start()
	check.Point("start.started")
	return err
}

// userOf is the user as whom the command will run.
func userOf(cmd *exec.Cmd) uint32 {
	if a := cmd.SysProcAttr; a != nil && a.Credential != nil {
		return a.Credential.Uid
	}
	return uint32(os.Geteuid())
}

// closeAll closes files that a child has got, or should have.
func closeAll(files []*os.File) {
	for _, f := range files {
		transfer.CloseFile(f)
	}
}

// Inherited takes a handle that this process has inherited. want is its type, 0
// any.
func Inherited(key string, want layout.Type) (o Object, err error) {
	err = transfer.Inherit(key, func(h *transfer.Handle) error {
		if err := wanted(h.Type, want); err != nil {
			return err
		}
		o, err = adopt(h, true)
		check.Point("inherit.adopted")
		return err
	})
	return o, err
}
