package main

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/conversion"
)

var (
	v1 = schema.GroupVersion{Group: "example.com", Version: "v1"}
	v2 = schema.GroupVersion{Group: "example.com", Version: "v2"}
)

func addToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypeWithName(v1.WithKind("Garden"), &GardenV1{})
	scheme.AddKnownTypeWithName(v1.WithKind("GardenList"), &GardenV1List{})
	scheme.AddKnownTypeWithName(v2.WithKind("Garden"), &GardenV2{})
	scheme.AddKnownTypeWithName(v2.WithKind("GardenList"), &GardenV2List{})
	metav1.AddToGroupVersion(scheme, v1)
	metav1.AddToGroupVersion(scheme, v2)
	return nil
}

// GardenV1 has its size in two numbers.
type GardenV1 struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              struct {
		Rows    int `json:"rows"`
		Columns int `json:"columns"`
	} `json:"spec"`
	Status Status `json:"status,omitempty"`
}

// GardenV2, which is stored, has it in one text: 3x4.
type GardenV2 struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              struct {
		Size string `json:"size"`
	} `json:"spec"`
	Status Status `json:"status,omitempty"`
}

// Status is what the operator found.
type Status struct {
	Plants     int                `json:"plants,omitempty"`
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

func (g *GardenV2) size() (rows, columns int, err error) {
	if _, err = fmt.Sscanf(g.Spec.Size, "%dx%d", &rows, &columns); err != nil {
		err = fmt.Errorf("size %q is not ROWSxCOLUMNS: %w", g.Spec.Size, err)
	}
	return rows, columns, err
}

func (g *GardenV2) plants() (int, error) {
	rows, columns, err := g.size()
	return rows * columns, err
}

// Hub makes v2 the version between which and all others is converted.
func (*GardenV2) Hub() {}

func (g *GardenV1) ConvertTo(hub conversion.Hub) error {
	to := hub.(*GardenV2)
	to.ObjectMeta, to.Status = g.ObjectMeta, g.Status
	to.Spec.Size = fmt.Sprintf("%dx%d", g.Spec.Rows, g.Spec.Columns)
	return nil
}

func (g *GardenV1) ConvertFrom(hub conversion.Hub) (err error) {
	from := hub.(*GardenV2)
	g.ObjectMeta, g.Status = from.ObjectMeta, from.Status
	g.Spec.Rows, g.Spec.Columns, err = from.size()
	return err
}

type GardenV1List struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []GardenV1 `json:"items"`
}

type GardenV2List struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []GardenV2 `json:"items"`
}

func (g *GardenV1) DeepCopyObject() runtime.Object {
	to := *g
	g.ObjectMeta.DeepCopyInto(&to.ObjectMeta)
	to.Status = g.Status.copied()
	return &to
}

func (g *GardenV2) DeepCopyObject() runtime.Object {
	to := *g
	g.ObjectMeta.DeepCopyInto(&to.ObjectMeta)
	to.Status = g.Status.copied()
	return &to
}

func (l *GardenV1List) DeepCopyObject() runtime.Object {
	to := *l
	to.Items = nil
	for i := range l.Items {
		to.Items = append(to.Items, *l.Items[i].DeepCopyObject().(*GardenV1))
	}
	return &to
}

func (l *GardenV2List) DeepCopyObject() runtime.Object {
	to := *l
	to.Items = nil
	for i := range l.Items {
		to.Items = append(to.Items, *l.Items[i].DeepCopyObject().(*GardenV2))
	}
	return &to
}

func (s Status) copied() Status {
	s.Conditions = append([]metav1.Condition(nil), s.Conditions...)
	return s
}
