//! Room kubelet.
