// Command operator is an operator as controller-runtime's book has it, in one file: it reconciles Gardens, converts them between their two
// versions, refuses those that are too big, and only one of its replicas, the leader, acts.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// mostPlants is what a garden may have; the webhook holds it.
const mostPlants = 100

func main() {
	ctrl.SetLogger(zap.New())
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, addToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	// Shorter than the defaults of 15, 10 and 2 seconds: the story kills the leader and waits for the next.
	lease, renew, retry := 6*time.Second, 4*time.Second, time.Second
	mgr, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		Scheme:                 scheme,
		Metrics:                server.Options{BindAddress: "0"},
		HealthProbeBindAddress: ":8081",
		WebhookServer:          webhook.NewServer(webhook.Options{Port: 9443, CertDir: "/certs"}),
		LeaderElection:         true,
		LeaderElectionID:       "gardens.example.com",
		LeaseDuration:          &lease,
		RenewDeadline:          &renew,
		RetryPeriod:            &retry,
	})
	if err != nil {
		return err
	}
	reconciler := &gardener{Client: mgr.GetClient()}
	if err := ctrl.NewControllerManagedBy(mgr).For(&GardenV2{}).Owns(&corev1.ConfigMap{}).Complete(reconciler); err != nil {
		return err
	}
	// It serves the conversion too: GardenV2 is a hub and GardenV1 converts to it.
	if err := ctrl.NewWebhookManagedBy(mgr, &GardenV2{}).WithValidator(fence{}).Complete(); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("webhook", mgr.GetWebhookServer().StartedChecker()); err != nil {
		return err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	return mgr.Start(ctrl.SetupSignalHandler())
}

// gardener keeps a ConfigMap for every garden and says in its status what it holds.
type gardener struct{ client.Client }

func (g *gardener) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	garden := &GardenV2{}
	if err := g.Get(ctx, request.NamespacedName, garden); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	plants, err := garden.plants()
	if err != nil {
		return ctrl.Result{}, err
	}
	plan := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: garden.Namespace, Name: "garden-" + garden.Name}}
	result, err := controllerutil.CreateOrUpdate(ctx, g.Client, plan, func() error {
		plan.Data = map[string]string{"plants": fmt.Sprint(plants)}
		return controllerutil.SetControllerReference(garden, plan, g.Scheme())
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	garden.Status.Plants = plants
	meta.SetStatusCondition(&garden.Status.Conditions, metav1.Condition{
		Type: "Planted", Status: metav1.ConditionTrue, Reason: "PlanKept", ObservedGeneration: garden.Generation,
	})
	ctrl.LoggerFrom(ctx).Info("planted", "garden", garden.Name, "plants", plants, "plan", result)
	return ctrl.Result{}, g.Status().Update(ctx, garden)
}

// fence refuses gardens of more plants than may be, and that one is made smaller.
type fence struct{}

func (fence) ValidateCreate(_ context.Context, garden *GardenV2) (admission.Warnings, error) {
	plants, err := garden.plants()
	if err == nil && plants > mostPlants {
		err = fmt.Errorf("%d plants are more than %d", plants, mostPlants)
	}
	return admission.Warnings{"plants need water"}, err
}

func (f fence) ValidateUpdate(ctx context.Context, old, garden *GardenV2) (admission.Warnings, error) {
	was, _ := old.plants()
	if plants, err := garden.plants(); err == nil && plants < was {
		return nil, fmt.Errorf("%d plants would have to go", was-plants)
	}
	return f.ValidateCreate(ctx, garden)
}

func (fence) ValidateDelete(_ context.Context, garden *GardenV2) (admission.Warnings, error) {
	if garden.Labels["keep"] == "true" {
		return nil, fmt.Errorf("garden %s is to be kept", garden.Name)
	}
	return nil, nil
}
