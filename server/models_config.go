package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"time"

	"lathe/learn/llm"
)

// ModelConfig says which language model may be asked, and how much. The key
// itself is never part of it.
type ModelConfig struct {
	Provider      string // none, openai (and what speaks like it) or anthropic
	BaseURL       string // https, or http on this machine; "" is the provider's own
	Name          string // of the model
	KeyEnv        string // name of the environment variable that holds the key
	CallsPerHour  int
	TokensPerHour int64
	Timeout       time.Duration // of one attempt
	Client        bool          // a connected client's own model may be asked, within its calls
	Background    bool          // the provider may be asked without a call: for names and duplicates
}

// The providers' own addresses.
const (
	openaiURL    = "https://api.openai.com/v1"
	anthropicURL = "https://api.anthropic.com"
)

func defaultModel() ModelConfig {
	return ModelConfig{Provider: "none", CallsPerHour: 30, TokensPerHour: 150_000, Timeout: 20 * time.Second, Client: true}
}

// enabled reports whether a provider is configured.
func (m ModelConfig) enabled() bool { return m.Provider != "" && m.Provider != "none" }

// URL is the address that requests go to.
func (m ModelConfig) URL() string {
	switch {
	case m.BaseURL != "":
		return m.BaseURL
	case m.Provider == "anthropic":
		return anthropicURL
	}
	return openaiURL
}

// Provider is a configured model. Close it in the end.
type Provider struct {
	prober
	http *http.Client
}

type prober interface {
	llm.Model
	// Probe says whether the provider is there and has the model, without
	// asking it anything.
	Probe(context.Context) error
}

// Close ends its idle connections.
func (p *Provider) Close() { p.http.CloseIdleConnections() }

// OpenModel makes the client of the configured provider; nil when there is
// none. before is called before each request; see llm.Config.
func OpenModel(m ModelConfig, before func(context.Context) error) (*Provider, error) {
	if !m.enabled() {
		return nil, nil
	}
	c := llm.Config{BaseURL: m.URL(), Model: m.Name, Timeout: m.Timeout, Attempts: 3, MaxWait: 10 * time.Second, Before: before,
		HTTP: &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}}
	if m.KeyEnv != "" {
		key := os.Getenv(m.KeyEnv)
		if key == "" {
			return nil, fmt.Errorf("model: the environment variable %s, which is to hold the key, is empty where this program was started", m.KeyEnv)
		}
		c.Key = llm.Key(key)
	}
	var p prober
	var err error
	if m.Provider == "anthropic" {
		p, err = llm.NewAnthropic(c)
	} else {
		p, err = llm.NewOpenAI(c)
	}
	if err != nil {
		return nil, err
	}
	return &Provider{p, c.HTTP}, nil
}

var envName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,99}$`)

// modelSettings are the settings of [model]. A workspace cannot set them: it
// would choose where what tools printed is sent.
func modelSettings() []setting {
	mk := func(name string, p func(*ModelConfig) *string, check func(string) error) setting {
		return setting{"model." + name, true, func(c *Config) string { return *p(&c.Model) }, func(c *Config, v string) error {
			if err := check(v); err != nil {
				return err
			}
			*p(&c.Model) = v
			return nil
		}}
	}
	whole := func(name string, get func(*ModelConfig) int64, set func(*ModelConfig, int64)) setting {
		return setting{"model." + name, true, func(c *Config) string { return strconv.FormatInt(get(&c.Model), 10) }, func(c *Config, v string) error {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < 0 || n > 1e9 {
				return errors.New("it must be a number from 0 to 1000000000")
			}
			set(&c.Model, n)
			return nil
		}}
	}
	yes := func(name string, p func(*ModelConfig) *bool) setting {
		return setting{"model." + name, true, func(c *Config) string { return strconv.FormatBool(*p(&c.Model)) }, func(c *Config, v string) (err error) {
			*p(&c.Model), err = strconv.ParseBool(v)
			return err
		}}
	}
	return []setting{
		mk("provider", func(m *ModelConfig) *string { return &m.Provider }, func(v string) error {
			switch v {
			case "none", "openai", "anthropic":
				return nil
			}
			return errors.New("it must be none, openai (for OpenAI, Ollama, vLLM, LM Studio and what speaks like them) or anthropic")
		}),
		mk("base_url", func(m *ModelConfig) *string { return &m.BaseURL }, func(v string) error {
			if v == "" {
				return nil
			}
			return llm.CheckURL(v)
		}),
		mk("name", func(m *ModelConfig) *string { return &m.Name }, func(string) error { return nil }),
		mk("api_key_env", func(m *ModelConfig) *string { return &m.KeyEnv }, func(v string) error {
			if v != "" && !envName.MatchString(v) {
				return errSecret
			}
			return nil
		}),
		whole("calls_per_hour", func(m *ModelConfig) int64 { return int64(m.CallsPerHour) }, func(m *ModelConfig, n int64) { m.CallsPerHour = int(n) }),
		whole("tokens_per_hour", func(m *ModelConfig) int64 { return m.TokensPerHour }, func(m *ModelConfig, n int64) { m.TokensPerHour = n }),
		{"model.timeout", true, func(c *Config) string { return c.Model.Timeout.String() }, func(c *Config, v string) (err error) {
			c.Model.Timeout, err = time.ParseDuration(v)
			if err == nil && (c.Model.Timeout < time.Second || c.Model.Timeout > 10*time.Minute) {
				err = errors.New("it must lie between 1s and 10m")
			}
			return err
		}},
		yes("client", func(m *ModelConfig) *bool { return &m.Client }),
		yes("background", func(m *ModelConfig) *bool { return &m.Background }),
	}
}

// errSecret refuses a value that may be a key, and is not to be repeated.
var errSecret = errors.New("it must be the NAME of an environment variable in capitals, which holds the key; the key itself does not belong into a file")
