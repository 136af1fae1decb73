// A Go program's view of the outside world: the same on Linux and under a job.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"time"
)

func told(what string, err error) {
	switch {
	case err == nil:
		fmt.Println(what, "ok")
	case errors.Is(err, fs.ErrNotExist):
		fmt.Println(what, "does not exist")
	case errors.Is(err, fs.ErrExist):
		fmt.Println(what, "exists")
	default:
		fmt.Println(what, "refused")
	}
}

func main() {
	fmt.Println(os.Args[1:], os.Getenv("GREETING"))
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println("stdin", lines.Text())
	}
	given, err := os.ReadFile("given.txt")
	told("read", err)
	fmt.Printf("%s\n", given)
	_, err = os.ReadFile("none")
	told("read none", err)
	told("write", os.WriteFile("new.txt", []byte("hello, world"), 0o644))
	file, err := os.OpenFile("new.txt", os.O_APPEND|os.O_RDWR, 0)
	told("open", err)
	_, err = file.WriteString(" and more")
	told("append", err)
	at, err := file.Seek(-4, io.SeekEnd)
	told(fmt.Sprint("seek ", at), err)
	rest, _ := io.ReadAll(file)
	fmt.Printf("%s\n", rest)
	told("truncate", file.Truncate(5))
	info, err := file.Stat()
	told(fmt.Sprint("stat ", info.Size(), info.Mode().IsRegular()), err)
	told("close", file.Close())
	told("mkdir", os.Mkdir("a", 0o755))
	told("mkdir again", os.Mkdir("a", 0o755))
	told("mkdir all", os.MkdirAll("a/b/c", 0o755))
	told("rename", os.Rename("new.txt", "a/b/moved.txt"))
	told("remove full", os.Remove("a"))
	told("symlink", os.Symlink("b/moved.txt", "a/link"))
	target, err := os.Readlink("a/link")
	told("readlink "+target, err)
	through, err := os.ReadFile("a/link")
	told(fmt.Sprintf("through it %s", through), err)
	stamp := time.Unix(1234567890, 0)
	told("times", os.Chtimes("given.txt", stamp, stamp))
	info, _ = os.Stat("given.txt")
	fmt.Println("stamped", info.ModTime().Equal(stamp))
	var seen []string
	told("walk", filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		seen = append(seen, fmt.Sprint(path, entry.IsDir()))
		return err
	}))
	sort.Strings(seen)
	fmt.Println(seen)
	told("remove all", os.RemoveAll("a"))
	before := time.Now()
	time.Sleep(2 * time.Millisecond)
	fmt.Println("slept", time.Since(before) >= 2*time.Millisecond)
	done := make(chan int)
	go func() { done <- 7 }()
	os.Exit(<-done)
}
