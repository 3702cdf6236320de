// Command publish puts the project under a module path that you own:
//
//	go -C tools run ./publish -to github.com/you/atoll -dir ../../published
//
// It copies what is committed to a new folder (or rewrites the tree itself, with
// -in-place), replaces the module's path in go.mod files, imports and documents,
// and builds and vets the result. The package is still called atoll, and so is
// the command. Folders are named as seen from tools/.
//
// The command's module finds the library beside it. With -version v0.1.0 it
// requires that version instead, so that go install can fetch the command: tag
// both, v0.1.0 and cmd/v0.1.0, after pushing.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

func main() {
	var j job
	flag.StringVar(&j.to, "to", "", "the module path to publish under, such as github.com/you/atoll")
	flag.StringVar(&j.dir, "dir", "", "a new or empty folder for the copy")
	inPlace := flag.Bool("in-place", false, "rewrite the tree itself instead of a copy")
	flag.StringVar(&j.version, "version", "", "the version of the library that the command requires, such as v0.1.0")
	flag.StringVar(&j.from, "from", "..", "the tree to publish")
	flag.Parse()
	if err := j.run(*inPlace, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

// job is one run.
type job struct {
	from, dir   string // the tree, and where the result goes
	to, version string
}

func (j *job) run(inPlace bool, rest []string) error {
	switch {
	case len(rest) != 0:
		return fmt.Errorf("unknown arguments %q", rest)
	case inPlace == (j.dir != ""):
		return errors.New("give either -dir or -in-place")
	case j.version != "" && (!semver.IsValid(j.version) || semver.Major(j.version) > "v1"):
		return fmt.Errorf("-version %s: want v0.x.y or v1.x.y", j.version)
	}
	if err := module.CheckPath(j.to); err != nil {
		return fmt.Errorf("-to: %w", err)
	}
	if _, major, _ := module.SplitPathVersion(j.to); major != "" {
		return fmt.Errorf("-to %s: give the path without its major version", j.to)
	}
	files, err := j.files()
	if err != nil {
		return err
	}
	if inPlace {
		j.dir = j.from
	} else if err := j.copy(files); err != nil {
		return err
	}
	changed, err := j.rewrite(files)
	if err != nil {
		return err
	}
	fmt.Printf("%d files in %s, %d of them changed to %s\n", len(files), j.dir, changed, j.to)
	return j.build()
}

// files lists what belongs to the tree: what git tracks and is still there, or
// everything if it is no git repository. Paths have slashes.
func (j *job) files() (files []string, err error) {
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = j.from
	out, err := cmd.Output()
	if err == nil {
		for file := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
			if _, err := os.Lstat(filepath.Join(j.from, file)); err == nil {
				files = append(files, file)
			}
		}
		return files, nil
	}
	err = filepath.WalkDir(j.from, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "bin"):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		file, err := filepath.Rel(j.from, path)
		files = append(files, filepath.ToSlash(file))
		return err
	})
	return files, err
}

// copy copies the files to the new folder, links as links.
func (j *job) copy(files []string) error {
	if err := os.MkdirAll(j.dir, 0o755); err != nil {
		return err
	}
	if there, err := os.ReadDir(j.dir); err != nil || len(there) != 0 {
		return errors.Join(err, fmt.Errorf("%s is not empty", j.dir))
	}
	for _, file := range files {
		from, to := filepath.Join(j.from, file), filepath.Join(j.dir, file)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := copyFile(from, to); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode().Perm())
}

// rewrite changes the files of the result and counts the changed ones.
func (j *job) rewrite(files []string) (changed int, err error) {
	r, err := newRewriter(j.dir, j.to, j.version, files)
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		path := filepath.Join(j.dir, file)
		info, err := os.Lstat(path)
		if err != nil {
			return 0, err
		}
		if !info.Mode().IsRegular() {
			continue
		}
		before, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		after, err := r.file(file, before)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		if string(after) == string(before) {
			continue
		}
		changed++
		if err := os.WriteFile(path, after, info.Mode().Perm()); err != nil {
			return 0, err
		}
	}
	return changed, nil
}

// build builds and vets the result, in its workspace and each module by itself.
func (j *job) build() error {
	type step struct {
		dir, work string
		args      []string
	}
	build := []string{"build", "-o", os.DevNull}
	steps := []step{
		{".", "", append(build, "work")},
		{".", "", []string{"vet", "work"}},
		{".", "off", append(build, "./...")},
	}
	if j.version == "" { // else the command waits for that version
		steps = append(steps, step{"cmd", "off", append(build, "./...")})
	}
	for _, s := range steps {
		cmd := exec.Command("go", s.args...)
		cmd.Dir = filepath.Join(j.dir, s.dir)
		cmd.Env = append(os.Environ(), "GOWORK="+s.work)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("go %s in %s: %w", strings.Join(s.args, " "), cmd.Dir, err)
		}
	}
	fmt.Println("it builds and vets")
	return nil
}
