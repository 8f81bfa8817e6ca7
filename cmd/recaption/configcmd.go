package main

import (
	"fmt"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

func newConfigCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check and print the settings",
	}
	asGroup(c)
	c.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Check the settings and print what would be used, secrets as stars",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := loadSettings(c.Flags())
			if err != nil {
				return err
			}
			text, err := s.yaml()
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	})
	return c
}

// yaml writes the settings as a file could hold them.
func (s settings) yaml() ([]byte, error) {
	var tree map[string]any
	if err := mapstructure.Decode(s, &tree); err != nil {
		return nil, fmt.Errorf("print the settings: %w", err)
	}
	printable(tree)
	b, err := yaml.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("print the settings: %w", err)
	}
	return b, nil
}

// printable replaces what YAML would write as numbers or in the clear by text.
func printable(tree map[string]any) {
	for k, v := range tree {
		switch v := v.(type) {
		case map[string]any:
			printable(v)
		case fmt.Stringer: // durations and secrets
			tree[k] = v.String()
		}
	}
}
