package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/pggapless/gapless"
)

// voided is what `void --json` prints.
type voided struct {
	Name   string `json:"name"`
	Value  int64  `json:"value"`
	To     *int64 `json:"to,omitempty"`
	Reason string `json:"reason"`
}

func (v voided) last() int64 {
	if v.To == nil {
		return v.Value
	}
	return *v.To
}

const voidLong = `Note that issued numbers were cancelled, and why. They are never issued again, and what was noted
stands. A row that has one may be deleted from then on. VALUE is a number, or a range, as 10-20; --to is
its end, too. A negative VALUE goes after "--". A sequence that does not exist is exit code 4.

--file reads numbers with their reasons: CSV, with a number or a range, and a reason, on each line; the
first line may be "number,reason". - is standard input. All are voided, or none.`

func (a *app) newVoid() *cobra.Command {
	var p patience
	var reason, file string
	var to int64
	cmd := &cobra.Command{
		Use:   "void",
		Short: "Note that issued numbers were cancelled, and why",
		Long:  voidLong,
		Example: "  gapless void invoice 1042 --reason 'issued to the wrong customer, see 1043'\n" +
			"  gapless void receipt 31-100 --reason 'the roll was torn'\n" +
			"  gapless void invoice/2025 --file cancelled.csv",
	}
	a.command(cmd, []string{"NAME", "[VALUE]"}, func(ctx context.Context, args []string) error {
		given := cmd.Flags().Changed
		var voids []voided
		var err error
		switch {
		case given("file") && (len(args) == 2 || given("to") || given("reason")):
			return usage("--file has the numbers and their reasons, so VALUE, --to and --reason cannot be given", "")
		case given("file"):
			voids, err = a.readVoids(args[0], file)
		case len(args) < 2:
			return usage("which number is void is not given", "give VALUE, or --file")
		case !given("reason"):
			return usage(`required flag(s) "reason" not set`, "")
		default:
			var v voided
			v, err = newVoid(args[0], args[1], reason)
			if given("to") {
				if v.To != nil {
					return usage("--to cannot be given together with a range", "")
				}
				v.To = &to
			}
			voids = []voided{v}
		}
		if err != nil {
			return err
		}
		return a.void(ctx, &p, args[0], voids, given("file"))
	})
	negativeAfterDashes(cmd, "VALUE")
	flags := cmd.Flags()
	flags.Int64Var(&to, "to", 0, "the last number to void, from VALUE on")
	flags.StringVar(&reason, "reason", "", "why, for the auditor")
	flags.StringVar(&file, "file", "", "a `file` of numbers and reasons, as CSV")
	p.addLockTimeout(cmd)
	return a.jsonFlag(cmd)
}

// void notes them all, or none.
func (a *app) void(ctx context.Context, p *patience, name string, voids []voided, fromFile bool) error {
	return a.withConn(ctx, func(conn *pgx.Conn) error {
		err := p.inTx(ctx, conn, func(tx pgx.Tx) error {
			s := gapless.NewSequence(name)
			switch _, ok, err := s.Last(ctx, tx); {
			case err != nil:
				return err
			case !ok:
				return noSuch(name)
			}
			for _, v := range voids {
				var err error
				if v.To == nil {
					err = s.Void(ctx, tx, v.Value, v.Reason)
				} else {
					err = s.VoidBatch(ctx, tx, v.Value, *v.To, v.Reason)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if !fromFile {
			return a.printDone(voids[0], fmt.Sprintf("sequence %q: %s", name, voids[0].text()))
		}
		var total uint64
		for _, v := range voids {
			total += uint64(v.last()-v.Value) + 1
		}
		return a.printDone(voids, fmt.Sprintf("sequence %q: numbers that are void now: %s", name, thousands(int64(total))))
	})
}

func (v voided) text() string {
	if v.To == nil {
		return fmt.Sprintf("%d is void", v.Value)
	}
	return fmt.Sprintf("%d to %d are void", v.Value, *v.To)
}

// valueOrRange is a number, or two with a - between them; each may have a sign.
var valueOrRange = regexp.MustCompile(`^(-?[0-9]+)(?:-(-?[0-9]+))?$`)

func newVoid(name, numbers, reason string) (voided, error) {
	v := voided{Name: name, Reason: reason}
	parts := valueOrRange.FindStringSubmatch(numbers)
	if parts == nil || parts[2] == "" {
		var err error
		v.Value, err = wholeNumber("VALUE", numbers)
		return v, err
	}
	first, err := wholeNumber("VALUE", parts[1])
	if err != nil {
		return v, err
	}
	last, err := wholeNumber("VALUE", parts[2])
	v.Value, v.To = first, &last
	return v, err
}

const patternOfVoids = "each line is a number or a range, a comma, and a reason"

// readVoids reads a file of numbers and reasons. Lines that follow each other in both are one range.
func (a *app) readVoids(name, path string) ([]voided, error) {
	in := a.stdin
	if path != "-" {
		file, err := os.Open(path) //nolint:gosec // a file that the user names
		if err != nil {
			return nil, usage("--file: "+err.Error(), "")
		}
		defer func() { _ = file.Close() }() // it was only read
		in = file
	}
	lines := csv.NewReader(in)
	lines.FieldsPerRecord = -1
	lines.TrimLeadingSpace = true
	var voids []voided
	for {
		record, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, usage("--file: "+err.Error()+"; nothing is void", patternOfVoids)
		}
		line, _ := lines.FieldPos(0)
		refused := func(why string) error {
			return usage(fmt.Sprintf("--file: line %d: %s; nothing is void", line, why), patternOfVoids)
		}
		number := strings.TrimSpace(strings.TrimPrefix(record[0], "\ufeff")) // with which spreadsheets begin a file
		if line == 1 && strings.EqualFold(number, "number") {
			continue
		}
		if len(record) != 2 {
			return nil, refused("it does not have two fields")
		}
		v, err := newVoid(name, number, strings.TrimSpace(record[1]))
		switch {
		case err != nil:
			return nil, refused(err.Error())
		case v.Reason == "":
			return nil, refused("the reason is missing")
		case v.last() < v.Value:
			return nil, refused("the range ends before it begins")
		}
		if before := len(voids) - 1; before >= 0 && voids[before].Reason == v.Reason && v.Value > voids[before].Value && v.Value == voids[before].last()+1 {
			last := v.last()
			voids[before].To = &last
			continue
		}
		voids = append(voids, v)
	}
	if len(voids) == 0 {
		return nil, usage("--file: there is no number in it", patternOfVoids)
	}
	return voids, nil
}
