package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"atoll"
)

// chunk is how many bytes are moved at a time.
const chunk = 1 << 20

func newRead() *cobra.Command {
	var s span
	cmd := &cobra.Command{
		Use:   "read NAME",
		Short: "Copy bytes of a section to standard output",
		Long: `Copy bytes of a section to standard output, as they are. Other processes may be
changing them meanwhile.`,
		Example: `  atoll read prices >prices.bin
  atoll read prices --offset 4K --length 512 | xxd`,
		Args:              exactly(1, "the name of a section"),
		ValidArgsFunction: completeNames(atoll.TypeSection),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			v, err := openView(args[0], atoll.Read)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, v.Close()) }()
			first, end, err := s.within(args[0], v.Size())
			if err != nil {
				return err
			}
			// Not io.Copy from the view: a section reader stops at the end quietly,
			// and a fault must be an error.
			bar := newProgress(cmd, "reading", end-first, cmd.OutOrStdout())
			defer bar.end()
			buffer := make([]byte, min(chunk, end-first))
			for at := first; at < end; {
				b := buffer[:min(int64(len(buffer)), end-at)]
				if n, err := v.ReadAt(b, at); n < len(b) {
					return err
				}
				if _, err := cmd.OutOrStdout().Write(b); err != nil {
					return err
				}
				at += int64(len(b))
				bar.add(len(b))
			}
			return nil
		},
	}
	s.flags(cmd)
	return cmd
}

func newWrite() *cobra.Command {
	var offset byteCount
	var data string
	cmd := &cobra.Command{
		Use:   "write NAME",
		Short: "Copy standard input into a section",
		Long: `Copy standard input, or the text of --data, into a section. Other processes see
the bytes at once; to make them wait for all of them, use a mutex or an event.
Input that does not fit is an error; what fits has been written then.`,
		Example: `  atoll write prices <prices.bin
  atoll write prices --offset 4K --data "hello"`,
		Args:              exactly(1, "the name of a section"),
		ValidArgsFunction: completeNames(atoll.TypeSection),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			v, err := openView(args[0], atoll.Write)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, v.Close()) }()
			s := span{offset: offset, length: byteCount(len(data))}
			first, _, err := s.within(args[0], v.Size())
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("data") {
				_, err := v.WriteAt([]byte(data), first)
				return err
			}
			in := cmd.InOrStdin()
			bar := newProgress(cmd, "writing", lengthOf(in), in)
			defer bar.end()
			return fill(v, first, counted{in, bar})
		},
	}
	cmd.Flags().Var(&offset, "offset", "where to begin, such as 4096, 0x1000, 4K")
	cmd.Flags().StringVar(&data, "data", "", "write this text instead of standard input")
	return cmd
}

// fill copies all of in into the view.
func fill(v *atoll.View, at int64, in io.Reader) error {
	buffer := make([]byte, chunk)
	for {
		n, err := io.ReadFull(in, buffer)
		if room := v.Size() - at; int64(n) > room {
			if _, err := v.WriteAt(buffer[:room], at); err != nil {
				return err
			}
			return fmt.Errorf("the input does not fit: the section ends at byte %d, and has been filled up to there", v.Size())
		}
		if n > 0 {
			if _, err := v.WriteAt(buffer[:n], at); err != nil {
				return err
			}
			at += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}
