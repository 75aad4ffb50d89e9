// Command informer watches the ConfigMaps of a namespace with client-go's shared informer, in protobuf, and prints a line for whatever it asks and hears:
//
//	list REVISION            a list was answered
//	watch REVISION           a watch from there was answered
//	ADDED NAME REVISION      an event, as is MODIFIED and DELETED
//
// It ends with its standard input. It does not retry, compare or remember by itself: what continues is the informer's doing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	config.Dial = patientDial
	config.ContentType = runtime.ContentTypeProtobuf
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	maps := clients.CoreV1().ConfigMaps("default")
	informer := cache.NewSharedIndexInformer(told(maps), &v1.ConfigMap{}, 0, nil)
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	informer.Run(stop)
	return nil
}

// told lists and watches, and tells.
func told(maps typed.ConfigMapInterface) *cache.ListWatch {
	return &cache.ListWatch{
		ListFunc: func(options metav1.ListOptions) (runtime.Object, error) {
			list, err := maps.List(context.Background(), options)
			if err == nil {
				fmt.Println("list", list.ResourceVersion)
			}
			return list, err
		},
		WatchFunc: func(options metav1.ListOptions) (watch.Interface, error) {
			events, err := maps.Watch(context.Background(), options)
			if err != nil {
				fmt.Fprintln(os.Stderr, "watch:", err)
				return nil, err
			}
			fmt.Println("watch", options.ResourceVersion)
			return watch.Filter(events, tell), nil
		},
	}
}

func tell(event watch.Event) (watch.Event, bool) {
	if object, ok := event.Object.(*v1.ConfigMap); ok && event.Type != watch.Bookmark {
		fmt.Println(event.Type, object.Name, object.ResourceVersion)
	}
	return event, true
}

// patientDial waits for a server that is being started: client-go's own back-off grows to half a minute, and the question is what the
// watch continues from, not when.
func patientDial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	for {
		connection, err := dialer.DialContext(ctx, network, address)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return connection, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
