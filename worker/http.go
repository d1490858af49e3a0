package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler answers GET and HEAD of these paths, so that a program can put them into a server of its own; Config.Listen serves
// the same. Call it before Run, else lag is as old as each task's last fetch.
//
//   - /healthz: 200 while the worker moves, 503 when it hangs or Run has ended. A restore, a task that stands at a record and a
//     log that is away are no reason to kill a process, so they do not show here.
//   - /readyz: 200 if Status.Ready, else 503; the body gives Status.NotReady, one reason per line.
//   - /status: Status as JSON, as Status.MarshalJSON says.
//   - /metrics: what Config.Metrics gathers, in the formats of Prometheus; 404 if it is nil or gathers nothing.
//
// It asks for no password: whoever reaches it learns names, positions and errors, no key and no value but those that
// an error message of the program holds.
func (w *Worker) Handler() http.Handler {
	w.watched.Store(true)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", w.serveHealth)
	mux.HandleFunc("GET /readyz", w.serveReady)
	mux.HandleFunc("GET /status", w.serveStatus)
	if g, ok := w.config.Metrics.(prometheus.Gatherer); ok {
		mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, Timeout: scrapePatience}))
	}
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) {
		text(rw, http.StatusOK, "millrun worker of application "+w.app.Name()+"\n"+strings.Join(w.pages(), "\n"))
	})
	return http.MaxBytesHandler(mux, maxRequestBody)
}

func (w *Worker) pages() []string {
	pages := []string{"/healthz", "/readyz", "/status"}
	if _, ok := w.config.Metrics.(prometheus.Gatherer); ok {
		pages = append(pages, "/metrics")
	}
	return pages
}

// The bounds of a request. Nothing here takes a body.
const (
	maxRequestBody   = 1 << 10
	maxRequestHeader = 16 << 10
	maxConnections   = 64 // more wait in the system's queue
	readPatience     = 5 * time.Second
	writePatience    = 30 * time.Second
	idlePatience     = time.Minute
	stopPatience     = time.Second
	healthPatience   = 5 * time.Second
	scrapePatience   = 10 * time.Second
	maxScrapes       = 8 // more get 503
)

func text(rw http.ResponseWriter, code int, body string) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	rw.WriteHeader(code)
	_, _ = io.WriteString(rw, body+"\n") // whoever asked has gone
}

func (w *Worker) serveHealth(rw http.ResponseWriter, r *http.Request) {
	if err := w.moves(r.Context()); err != nil {
		text(rw, http.StatusServiceUnavailable, err.Error())
		return
	}
	text(rw, http.StatusOK, "ok")
}

func (w *Worker) serveReady(rw http.ResponseWriter, _ *http.Request) {
	if s := w.Status(); !s.Ready {
		text(rw, http.StatusServiceUnavailable, strings.Join(s.NotReady, "\n"))
		return
	}
	text(rw, http.StatusOK, "ready")
}

func (w *Worker) serveStatus(rw http.ResponseWriter, _ *http.Request) {
	body, err := json.MarshalIndent(w.Status(), "", "  ")
	if err != nil {
		text(rw, http.StatusInternalServerError, err.Error())
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = rw.Write(append(body, '\n')) // whoever asked has gone
}

// moves tells whether the worker's own work goes on: Run has not ended, no lock is held for long, and the watchdog came by.
func (w *Worker) moves(ctx context.Context) error {
	w.mu.Lock()
	done, err := w.mu.done, w.mu.err
	w.mu.Unlock()
	if done {
		return fmt.Errorf("the worker has ended: %w", firstError(err, errors.New("it was stopped")))
	}
	looked := w.probe.run(func() { w.Status() })
	patience := w.config.Clock.NewTimer(healthPatience)
	defer patience.Stop()
	select {
	case <-looked:
	case <-patience.C():
		return fmt.Errorf("a task does not answer within %v: a lock is held", healthPatience)
	case <-ctx.Done():
		return ctx.Err()
	}
	if at := w.dogLooked.Load(); at != nil {
		if age := w.config.Clock.Now().Sub(*at); age > 3*w.dogEvery()+healthPatience {
			return fmt.Errorf("the watchdog did not look at the handlers for %v", age.Round(time.Second))
		}
	}
	return nil
}

// probe runs one thing at a time for all that want to know whether it ends, so that a worker that hangs does not gather
// goroutines.
type probe struct {
	sync.Mutex
	under chan struct{} // closes when the run under way has ended; nil: none is
}

func (p *probe) run(f func()) <-chan struct{} {
	p.Lock()
	defer p.Unlock()
	if p.under != nil {
		return p.under
	}
	ended := make(chan struct{})
	p.under = ended
	go func() { // ends with f; if f hangs, so does the worker
		f()
		p.Lock()
		p.under = nil
		p.Unlock()
		close(ended)
	}()
	return ended
}

// listen serves Handler on Config.Listen until the function that it gives is called.
func (w *Worker) listen() (stop func(), err error) {
	if w.config.Listen == "" {
		return func() {}, nil
	}
	address := listenAddress(w.config.Listen)
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("worker: listen on %s (Config.Listen): %w", address, err)
	}
	log := w.config.Logger
	server := &http.Server{Handler: w.Handler(), ReadHeaderTimeout: readPatience, ReadTimeout: readPatience,
		WriteTimeout: writePatience, IdleTimeout: idlePatience, MaxHeaderBytes: maxRequestHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	at := l.Addr().String()
	w.address.Store(&at)
	log.Info("worker listens", "address", at, "pages", w.pages())
	var served sync.WaitGroup
	served.Go(func() { // stop ends it and waits for it
		if err := server.Serve(&boundedListener{Listener: l, room: make(chan struct{}, maxConnections), closed: make(chan struct{})}); !errors.Is(err, http.ErrServerClosed) {
			log.Error("worker listens no more", "address", at, "error", err)
		}
	})
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			_ = server.Close() // somebody reads very slowly; nothing of worth is lost
		}
		served.Wait()
	}, nil
}

// listenAddress makes host:port of what Config.Listen says: loopback unless a host is given.
func listenAddress(s string) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		if strings.Trim(s, "0123456789") != "" {
			return s // net.Listen says what is wrong with it
		}
		host, port = "", s
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// boundedListener accepts while fewer than the capacity of room are connected.
type boundedListener struct {
	net.Listener
	room   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &boundedConn{Conn: c, room: l.room}, nil
}

func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type boundedConn struct {
	net.Conn
	room chan struct{}
	once sync.Once
}

func (c *boundedConn) Close() error {
	c.once.Do(func() { <-c.room })
	return c.Conn.Close()
}
