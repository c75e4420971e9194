package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/pggapless/gapless"
	"github.com/pggapless/gapless/internal/pgtest"
	"github.com/pggapless/gapless/internal/sqltest"
	"github.com/pggapless/gapless/metrics"
)

// panel is one of a dashboard's.
type panel struct {
	Title   string
	Targets []struct{ Expr string }
}

// TestEachPanelAndEachAlertHasData has Prometheus scrape a `gapless metrics` and a Go program, and asks it what Grafana would.
func TestEachPanelAndEachAlertHasData(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("there is no prometheus here: Debian's package prometheus has it")
	}
	d := pgtest.New(t)
	makeMetricsOf(t, d.Conn(t))
	observer := metrics.NewObserver()
	committer := sqltest.NewGroupCommitter(t, d.Pool(t), gapless.WithTxOptions(gapless.WithObserver(observer.Observe)))
	defer committer.Close()
	registry := prometheus.NewRegistry()
	registry.MustRegister(observer, metrics.NewGroupCollector(committer))
	goProgram := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer goProgram.Close()
	work := func() {
		require.NoError(t, committer.InTx(t.Context(), func(tx pgx.Tx) error {
			_, err := gapless.NewSequence("case").Next(t.Context(), tx)
			return err
		}))
	}
	work()
	server := runPrometheus(t, program, serveMetrics(t, d.URL, "--refresh", "0").address, strings.TrimPrefix(goProgram.URL, "http://"))

	text, err := os.ReadFile("../../metrics/grafana/gapless.json")
	require.NoError(t, err)
	var dashboard struct{ Panels []panel }
	require.NoError(t, json.Unmarshal(text, &dashboard))
	asked := map[string]string{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			asked["panel "+p.Title+": "+target.Expr] = strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*", "$series", ".*").Replace(target.Expr)
		}
	}
	require.Greater(t, len(asked), 40)
	text, err = os.ReadFile("../../metrics/prometheus/alerts.yml")
	require.NoError(t, err)
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &rules))
	compared := regexp.MustCompile(`^(.+) (?:>|<|==) [0-9e.]+$`) // what an alert compares is there, whatever it is
	for _, rule := range rules.Groups[0].Rules {
		parts := compared.FindStringSubmatch(rule.Expr)
		require.NotNil(t, parts, rule.Expr)
		if strings.Contains(rule.Expr, `severity="warning"`) {
			parts[1] = strings.Replace(parts[1], "warning", "critical", 1) // a warning is not made here
		}
		asked["alert "+rule.Alert] = parts[1]
	}
	for what, expression := range asked {
		end := time.Now().Add(sqltest.Eventually)
		for len(ask(t, server, expression)) == 0 {
			require.True(t, time.Now().Before(end), "no data: %s: %s", what, expression)
			work()
		}
	}
}

// runPrometheus runs it until the test ends, and returns its address.
func runPrometheus(t *testing.T, program string, targets ...string) string {
	t.Helper()
	folder := t.TempDir()
	config := filepath.Join(folder, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "global: {scrape_interval: 500ms, scrape_timeout: 500ms}\nscrape_configs:\n"+
		"  - job_name: gapless\n    static_configs: [{targets: [%s]}]\n", strings.Join(targets, ", ")), 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	log := &safeBuffer{}
	cmd := exec.CommandContext(ctx, program, "--config.file="+config, "--storage.tsdb.path="+folder, "--web.listen-address=127.0.0.1:0")
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cancel(); _ = cmd.Wait() }) // it was killed
	listens := regexp.MustCompile(`msg="Listening on" address=(\S+)`)
	eventually(t, func() bool { return listens.MatchString(log.String()) })
	return listens.FindStringSubmatch(log.String())[1]
}

// ask returns the values of an expression that are numbers.
func ask(t *testing.T, server, expression string) (values []string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+server+"/api/v1/query?query="+url.QueryEscape(expression), nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	if response.StatusCode == http.StatusServiceUnavailable { // it starts
		return nil
	}
	var answer struct {
		Status, Error string
		Data          struct{ Result []struct{ Value [2]any } }
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	require.Equal(t, "success", answer.Status, "%s: %s", expression, answer.Error)
	for _, result := range answer.Data.Result {
		if value, ok := result.Value[1].(string); ok && value != "NaN" {
			values = append(values, value)
		}
	}
	return values
}
