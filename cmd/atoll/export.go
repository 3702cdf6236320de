package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"atoll"
)

const exportLong = `Serve metrics of all objects for Prometheus, at /metrics, until interrupted.
Each scrape looks at the objects once.

Only this machine can connect, unless --listen names another address, which is
said on standard error. Whoever can connect sees numbers of all objects that
this user can see, and with --per-object their names.

For each type, as the label "type": atoll_objects (that somebody holds),
atoll_left_behind, atoll_unreadable, atoll_holders, atoll_viewers,
atoll_waiters, atoll_owned and atoll_abandoned (mutexes), atoll_signaled,
atoll_size_bytes, atoll_resident_bytes. With --per-object the same of each
object, as atoll_object_…, with the labels "name" and "type".
atoll_scrape_failed is 1 if some objects could not be listed.`

func newExport() *cobra.Command {
	var listen string
	var perObject bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Serve metrics for Prometheus",
		Long:  exportLong,
		Example: `  atoll export
  atoll export --listen 127.0.0.1:9753 --per-object`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if listen == "" {
				return usage("--listen names no address, such as 127.0.0.1:9753")
			}
			l, err := net.Listen("tcp", listen)
			if err != nil {
				return usage("--listen: %w", err)
			}
			if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "atoll: other machines can connect to %s, and nobody is asked who they are; --listen 127.0.0.1:%d is for this machine only\n", l.Addr(), a.Port)
			}
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "http://%s/metrics\n", l.Addr()); err != nil {
				return errors.Join(err, l.Close())
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return export(ctx, l, perObject)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:9753", "the address to serve at; port 0 is any that is free")
	cmd.Flags().BoolVar(&perObject, "per-object", false, "also metrics of each object, with its name")
	return cmd
}

// export serves until ctx ends.
func export(ctx context.Context, l net.Listener, perObject bool) error {
	registry := prometheus.NewRegistry()
	if err := registry.Register(&collector{perObject: perObject}); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ending)
	})
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// metric is a number that sums of objects have by type, and each object if asked.
type metric struct {
	sum, one *prometheus.Desc
	value    func(*item) float64
}

func newMetric(name, help string, value func(*item) float64) metric {
	return metric{
		prometheus.NewDesc("atoll_"+name, help+", by type.", []string{"type"}, nil),
		prometheus.NewDesc("atoll_object_"+name, help+", of one object.", []string{"name", "type"}, nil),
		value,
	}
}

func count(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

var metrics = []metric{
	newMetric("objects", "Objects that somebody holds", func(i *item) float64 { return count(i.Alive) }),
	newMetric("left_behind", "Objects that killed processes left behind", func(i *item) float64 { return count(!i.Alive && i.Problem == "") }),
	newMetric("unreadable", "Files that are no sound objects", func(i *item) float64 { return count(i.Problem != "") }),
	newMetric("holders", "Processes that have handles", func(i *item) float64 { return float64(len(i.Holders)) }),
	newMetric("viewers", "Processes that have views", func(i *item) float64 { return float64(len(i.Viewers)) }),
	newMetric("waiters", "Goroutines that wait", func(i *item) float64 { return float64(i.Waiters) }),
	newMetric("owned", "Mutexes that are owned", func(i *item) float64 { return count(i.Owner != nil && !i.Abandoned) }),
	newMetric("abandoned", "Mutexes that were abandoned", func(i *item) float64 { return count(i.Abandoned) }),
	newMetric("signaled", "Objects for which nobody would wait now", func(i *item) float64 { return count(i.Signaled != nil && *i.Signaled) }),
	newMetric("size_bytes", "Bytes of sections", func(i *item) float64 { return float64(i.Size) }),
	newMetric("resident_bytes", "Bytes of memory that objects take now", func(i *item) float64 { return float64(i.Resident) }),
}

var scrapeFailed = prometheus.NewDesc("atoll_scrape_failed", "Whether some objects could not be listed.", nil, nil)

// collector looks at the objects when it is asked.
type collector struct{ perObject bool }

// Describe is of prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	out <- scrapeFailed
	for _, m := range metrics {
		out <- m.sum
		if c.perObject {
			out <- m.one
		}
	}
}

// Collect is of prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	list, err := listAll()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(scrapeFailed, count(err != nil))
	for _, m := range metrics {
		sums := make(map[atoll.Type]float64)
		for n := range list {
			i := &list[n]
			sums[i.Type] += m.value(i)
			if c.perObject {
				gauge(m.one, m.value(i), plain(i.Name), i.Type.String())
			}
		}
		for t := atoll.TypeSection; t <= atoll.TypeJob; t++ {
			gauge(m.sum, sums[t], t.String())
		}
		if sum := sums[0]; sum != 0 {
			gauge(m.sum, sum, "unknown")
		}
	}
}
