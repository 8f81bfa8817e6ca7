package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"recaption/internal/ort/library"
)

// version is set by the linker for a release.
var version = "dev"

// programVersion is the release, or the commit that was built.
func programVersion() string {
	if version != "dev" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "dev-" + s.Value[:12]
			}
		}
	}
	return version
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the program's version",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "recaption %s (%s, %s/%s, ONNX Runtime %s)\n",
				programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH, library.Version)
			return err
		},
	}
}
