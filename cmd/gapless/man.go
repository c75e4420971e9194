package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (a *app) newMan(root *cobra.Command) *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "man",
		Short: "Write the manual pages, one a command",
		Long: `Write the manual pages into a folder, one for each command: gapless.1, gapless-audit.1, …
The folder is made if it is not there. In a folder man1 of MANPATH, such as /usr/local/share/man/man1, man finds them.`,
		Example: "  gapless man /usr/local/share/man/man1",
	}, []string{"DIR"}, func(_ context.Context, args []string) error {
		if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // everybody may read the pages
			return usage(err.Error(), "")
		}
		for name, page := range manual(root) {
			if err := os.WriteFile(filepath.Join(args[0], name), []byte(page), 0o644); err != nil { //nolint:gosec // everybody may read them
				return fmt.Errorf("writing the manual: %w", err)
			}
		}
		return nil
	})
}

// manual is the page of each command, by the name of its file. The pages of a release are the same each time. They are made here
// and not by cobra/doc, whose pages have tabs in filled text, break names at hyphens, and do not list a command's commands.
func manual(root *cobra.Command) map[string]string {
	root.InitDefaultCompletionCmd("man")
	pages := map[string]string{}
	var add func(cmd *cobra.Command)
	add = func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		pages[pageName(cmd)+".1"] = manualPage(cmd)
		for _, c := range cmd.Commands() {
			if c.Name() != "help" {
				add(c)
			}
		}
	}
	add(root)
	return pages
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manualPage is a command's page, in the macros of man(7).
func manualPage(cmd *cobra.Command) string {
	var p strings.Builder
	name := pageName(cmd)
	fmt.Fprintf(&p, ".TH %s 1 \"%s\" \"gapless %s\" \"gapless manual\"\n.nh\n.ad l\n", strings.ToUpper(roff(name)), committed(), roff(version()))
	fmt.Fprintf(&p, ".SH NAME\n%s \\- %s\n", roff(name), roff(cmd.Short))
	synopsis := strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())
	if cmd.HasSubCommands() {
		synopsis = " COMMAND" + synopsis
	}
	fmt.Fprintf(&p, ".SH SYNOPSIS\n.B %s\n%s\n", roff(cmd.CommandPath()), roff(strings.TrimSpace(synopsis)))
	p.WriteString(".SH DESCRIPTION\n" + paragraphs(cmd.Long))
	if cmd.HasSubCommands() {
		p.WriteString(".SH COMMANDS\n")
		for _, c := range cmd.Commands() {
			if c.Name() != "help" {
				fmt.Fprintf(&p, ".TP\n.BR %s (1)\n%s\n", roff(pageName(c)), roff(c.Short))
			}
		}
	}
	options(&p, "OPTIONS", cmd.NonInheritedFlags())
	options(&p, "OPTIONS OF EVERY COMMAND", cmd.InheritedFlags())
	if cmd.Example != "" {
		p.WriteString(".SH EXAMPLES\n.nf\n" + roffLines(strings.ReplaceAll("\n"+cmd.Example, "\n  ", "\n")[1:]) + ".fi\n")
	}
	if parent := cmd.Parent(); parent != nil {
		fmt.Fprintf(&p, ".SH SEE ALSO\n.BR %s (1)\n", roff(pageName(parent)))
	}
	return p.String()
}

// committed is the day of what the program was built from, where that is known.
func committed() string {
	info, _ := debug.ReadBuildInfo()
	if info != nil {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				day, _, _ := strings.Cut(s.Value, "T")
				return day
			}
		}
	}
	return ""
}

func options(p *strings.Builder, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(p, ".SH %s\n", title)
	flags.VisitAll(func(f *pflag.Flag) {
		value, text := pflag.UnquoteUsage(f)
		tag := "--" + f.Name
		if f.Shorthand != "" {
			tag = "-" + f.Shorthand + ", " + tag
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" && !strings.Contains(text, "(default") {
			text += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(p, ".TP\n%s\n%s\n", strings.TrimSpace(`\fB`+roff(tag)+`\fR `+roff(value)), roff(text))
	})
}

// paragraphs are those of a text of help. Lines that are indented stay as they are.
func paragraphs(text string) string {
	var p strings.Builder
	indented := false
	for i, line := range strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\t", "  ")), "\n") {
		switch is := strings.HasPrefix(line, "  "); {
		case is && !indented:
			p.WriteString(".PP\n.nf\n")
			indented = true
		case !is && indented:
			p.WriteString(".fi\n")
			indented = false
		}
		if line == "" && i > 0 {
			p.WriteString(".PP\n")
			continue
		}
		p.WriteString(roffLines(line))
	}
	if indented {
		p.WriteString(".fi\n")
	}
	return strings.NewReplacer(".PP\n.PP\n", ".PP\n", ".PP\n.fi\n.PP\n", ".fi\n.PP\n", ".PP\n.fi\n", ".fi\n.PP\n").Replace(p.String())
}

// roffLines are lines of text, of which none is a macro.
func roffLines(text string) string {
	var p strings.Builder
	for _, line := range strings.Split(text, "\n") {
		p.WriteString(roff(line) + "\n")
	}
	return p.String()
}

// roff is a text in roff's own language, where a line that begins with . or ' would be a macro, and - a hyphen.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...", "→", "->").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
