package main

type applyInput struct {
	name, group, kind string
	steps             []string
}

const deploymentHead = `"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"a"}`
const podHead = `"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"a"}`
const serviceHead = `"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"a"}`
const mapHead = `"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web","namespace":"a"}`

var applyInputs = []applyInput{
	{"config map: keys have owners of their own", "", "ConfigMap", []string{
		`apply one {` + mapHead + `,"data":{"a":"1","b":"2"}}`,
		`apply two {` + mapHead + `,"data":{"b":"2","c":"3"}}`,
		`apply two {` + mapHead + `,"data":{"b":"3","c":"3"}}`,
		`apply! two {` + mapHead + `,"data":{"b":"3","c":"3"}}`,
		`apply one {` + mapHead + `,"data":{"a":"1"}}`,
		`apply two {` + mapHead + `}`,
		`apply one {` + mapHead + `,"data":{}}`,
		`apply one {` + mapHead + `}`,
	}},
	{"config map: updates take and leave fields", "", "ConfigMap", []string{
		`update one {` + mapHead + `,"data":{"a":"1","b":"2"}}`,
		`update two {` + mapHead + `,"data":{"a":"2","b":"2","c":"3"}}`,
		`apply three {` + mapHead + `,"data":{"a":"9","b":"9","c":"9"}}`,
		`apply! three {` + mapHead + `,"data":{"a":"9","b":"2"}}`,
		`update two {` + mapHead + `,"data":{"a":"9"}}`,
		`update one {` + mapHead + `,"data":{"a":"9"},"binaryData":{"x":"AA=="},"immutable":true}`,
		`update one {` + mapHead + `}`,
	}},
	{"many updaters become ancient changes", "", "ConfigMap", []string{
		`update m00 {` + mapHead + `,"data":{"a":"0"}}`,
		`update m01 {` + mapHead + `,"data":{"a":"0","b":"1"}}`,
		`update m02 {` + mapHead + `,"data":{"a":"0","b":"1","c":"2"}}`,
		`update m03 {` + mapHead + `,"data":{"a":"0","b":"1","c":"2","d":"3"}}`,
		`update m04 {` + mapHead + `,"data":{"a":"0","b":"1","c":"2","d":"3","e":"4"}}`,
		`update m05 {` + mapHead + `,"data":{"a":"0","b":"1","c":"2","d":"3","e":"4","f":"5"}}`,
		`update m06 {` + mapHead + `,"data":{"a":"0","b":"1","c":"2","d":"3","e":"4","f":"5","g":"6"}}`,
		`update m07 {` + mapHead + `,"data":{"a":"0","b":"1","c":"2","d":"3","e":"4","f":"5","g":"6","h":"7"}}`,
		`update m08 {` + mapHead + `,"data":{"a":"0","b":"1","c":"2","d":"3","e":"4","f":"5","g":"6","h":"7","i":"8"}}`,
		`update m09 {` + mapHead + `,"data":{"a":"0","b":"1","c":"2","d":"3","e":"4","f":"5","g":"6","h":"7","i":"8","j":"9"}}`,
		`update m10 {` + mapHead + `,"data":{"a":"0","b":"1","c":"2","d":"3","e":"4","f":"5","g":"6","h":"7","i":"8","j":"9","k":"x"}}`,
		`update m11 {` + mapHead + `,"data":{"a":"0","b":"1","c":"2","d":"3","e":"4","f":"5","g":"6","h":"7","i":"8","j":"9","k":"x","l":"y"}}`,
	}},
	{"container ports: one number, two protocols", "", "Pod", []string{
		`apply one {` + podHead + `,"spec":{"containers":[{"name":"dns","image":"dns","ports":[{"containerPort":53,"protocol":"UDP"},{"containerPort":53}]}]}}`,
		`apply two {` + podHead + `,"spec":{"containers":[{"name":"dns","ports":[{"containerPort":53,"protocol":"TCP","name":"tcp"}]}]}}`,
		`apply one {` + podHead + `,"spec":{"containers":[{"name":"dns","image":"dns","ports":[{"containerPort":53,"protocol":"UDP"}]}]}}`,
		`apply one {` + podHead + `,"spec":{"containers":[{"name":"dns","image":"dns","ports":[{"containerPort":53},{"containerPort":53,"protocol":"TCP"}]}]}}`,
		`apply two {` + podHead + `}`,
	}},
	{"service ports: one number, two protocols", "", "Service", []string{
		`apply one {` + serviceHead + `,"spec":{"selector":{"a":"b"},"ports":[{"name":"udp","port":53,"protocol":"UDP"},{"name":"tcp","port":53,"targetPort":5353}]}}`,
		`apply two {` + serviceHead + `,"spec":{"ports":[{"port":53,"targetPort":"dns"}]}}`,
		`apply! two {` + serviceHead + `,"spec":{"ports":[{"port":53,"targetPort":"dns"},{"port":80}]}}`,
		`update kubectl-edit {` + serviceHead + `,"spec":{"selector":{"a":"b"},"ports":[{"name":"tcp","port":53,"protocol":"TCP","targetPort":"dns"},{"port":80,"protocol":"TCP"}],"clusterIP":"10.0.0.1"}}`,
		`apply one {` + serviceHead + `,"spec":{"ports":[{"name":"tcp","port":53}]}}`,
		`update controller status {` + serviceHead + `,"spec":{"ports":[{"name":"tcp","port":53,"protocol":"TCP","targetPort":"dns"},{"port":80,"protocol":"TCP"}],"clusterIP":"10.0.0.1"},"status":{"loadBalancer":{"ingress":[{"ip":"1.2.3.4"}]}}}`,
	}},
	{"env: order, values, owners", "", "Pod", []string{
		`apply one {` + podHead + `,"spec":{"containers":[{"name":"x","image":"x","env":[{"name":"A","value":"1"},{"name":"B","value":"2"},{"name":"C","value":"3"}]}]}}`,
		`apply two {` + podHead + `,"spec":{"containers":[{"name":"x","env":[{"name":"D","value":"4"},{"name":"B","value":"2"}]}]}}`,
		`apply one {` + podHead + `,"spec":{"containers":[{"name":"x","image":"x","env":[{"name":"C","value":"3"},{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"spec.nodeName"}}}]}]}}`,
		`apply one {` + podHead + `,"spec":{"containers":[{"name":"y","image":"y"},{"name":"x","image":"x2"}]}}`,
		`apply one {` + podHead + `,"spec":{"containers":[{"name":"y","image":"y","args":["a","b"]}]}}`,
		`update one {` + podHead + `,"spec":{"containers":[{"name":"y","image":"y","args":["a"]}]}}`,
	}},
	{"volumes and mounts", "", "Pod", []string{
		`update client {` + podHead + `,"spec":{"volumes":[{"name":"a","emptyDir":{}},{"name":"b","configMap":{"name":"m","items":[{"key":"k","path":"p"}]}}],"containers":[{"name":"x","image":"x","volumeMounts":[{"name":"a","mountPath":"/a"}],"resources":{"limits":{"cpu":"1"}}}]}}`,
		`apply one {` + podHead + `,"spec":{"volumes":[{"name":"c","projected":{"sources":[{"secret":{"name":"s"}}]}},{"name":"a","emptyDir":{"medium":"Memory"}}],"containers":[{"name":"x","volumeMounts":[{"mountPath":"/c","name":"c"}]}]}}`,
		`apply one {` + podHead + `,"spec":{"volumes":[{"name":"a","emptyDir":{}}],"containers":[{"name":"x","image":"x"}]}}`,
		`apply one {` + podHead + `,"spec":{"containers":[{"name":"x","image":"x","resources":{"limits":{"cpu":1,"memory":"1Gi"}}}]}}`,
	}},
	{"conditions on status, finalizers and owners in metadata", "apps", "Deployment", []string{
		`update client {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"a","finalizers":["a/b"],"labels":{"l":"1"},"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"o","uid":"u"}]},"spec":{"replicas":1,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"x","image":"x"}]}},"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":1}}}}`,
		`update controller status {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"a","finalizers":["a/b"],"labels":{"l":"1"},"annotations":{"r":"1"},"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"o","uid":"u"}]},"spec":{"replicas":1,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"x","image":"x"}]}},"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":1}}},"status":{"replicas":1,"conditions":[{"type":"Available","status":"True","reason":"r","message":"m"},{"type":"Progressing","status":"True"}]}}`,
		`apply one status {` + deploymentHead + `,"status":{"conditions":[{"type":"Available","status":"False"},{"type":"Mine","status":"True"}]}}`,
		`apply! one status {` + deploymentHead + `,"spec":{"replicas":7},"status":{"conditions":[{"type":"Available","status":"False"},{"type":"Mine","status":"True"}]}}`,
		`apply one {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"a","finalizers":["c/d"],"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"p","uid":"v"}]},"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"x","image":"y"}]}}},"status":{"replicas":5}}`,
		`apply! one {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"a","finalizers":["c/d"]},"spec":{"replicas":2,"selector":{"matchLabels":{"c":"d"}},"template":{"spec":{"containers":[{"name":"x","image":"y"}]}}}}`,
		`apply one {` + deploymentHead + `}`,
	}},
	{"client-side apply becomes server-side apply", "apps", "Deployment", []string{
		`update kubectl-client-side-apply {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"a","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\",\"namespace\":\"a\"},\"spec\":{\"replicas\":1,\"paused\":true}}"}},"spec":{"replicas":1,"paused":true}}`,
		`apply other {` + deploymentHead + `,"spec":{"replicas":3}}`,
		`apply kubectl {` + deploymentHead + `,"spec":{"replicas":3}}`,
		`update scaler {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"a","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\",\"namespace\":\"a\"},\"spec\":{\"replicas\":3}}\n"}},"spec":{"replicas":5}}`,
		`apply kubectl {` + deploymentHead + `,"spec":{"replicas":3}}`,
	}},
	{"node affinity's atomic lists and maps", "", "Pod", []string{
		`apply one {` + podHead + `,"spec":{"nodeSelector":{"a":"b"},"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"a","operator":"Exists"}]}]},"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":1,"preference":{"matchExpressions":[{"key":"a","operator":"Exists"}]}}]}},"tolerations":[{"key":"a"}],"containers":[{"name":"x","image":"x"}]}}`,
		`apply two {` + podHead + `,"spec":{"nodeSelector":{"c":"d"},"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"b","operator":"Exists"}]}]}}}}}`,
		`apply! two {` + podHead + `,"spec":{"nodeSelector":{"c":"d"},"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"b","operator":"Exists"}]}]}}}}}`,
		`apply two {` + podHead + `}`,
		`apply one {` + podHead + `,"spec":{"containers":[{"name":"x","image":"x"}]}}`,
	}},
	{"sets and spread constraints", "", "Pod", []string{
		`apply one {` + podHead + `,"spec":{"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"},{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"ScheduleAnyway"}],"imagePullSecrets":[{"name":"a"}],"hostAliases":[{"ip":"1.1.1.1","hostnames":["a"]}],"containers":[{"name":"x","image":"x","securityContext":{"capabilities":{"add":["A"]}}}]}}`,
		`apply two {` + podHead + `,"spec":{"topologySpreadConstraints":[{"maxSkew":2,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}],"imagePullSecrets":[{"name":"b"},{"name":"a"}],"hostAliases":[{"ip":"1.1.1.1","hostnames":["b"]}]}}`,
		`apply! two {` + podHead + `,"spec":{"topologySpreadConstraints":[{"maxSkew":2,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}],"imagePullSecrets":[{"name":"b"},{"name":"a"}]}}`,
		`apply one {` + podHead + `,"spec":{"containers":[{"name":"x","image":"x"}]}}`,
		`apply two {` + podHead + `,"spec":{"finalizers":null,"nodeName":null}}`,
		`apply two {` + podHead + `,"spec":{"nodeName":7,"containers":[{"name":"x"}]}}`,
		`apply two {` + podHead + `,"spec":{"containers":[{"name":"x"},{"name":"x"}]}}`,
		`apply two {` + podHead + `,"spec":{"containers":[{"image":"x"}]}}`,
		`apply two {` + podHead + `,"spec":{"containers":{"name":"x"}}}`,
		`apply two {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web"}}`,
		`apply two {"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","managedFields":[{"manager":"a"}]}}`,
	}},
	{"objects without managers", "", "ConfigMap", []string{
		`update one {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web","namespace":"a","labels":{"l":"1"}},"data":{"a":"1"}}`,
		`update two {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web","namespace":"a","labels":{"l":"1"},"managedFields":[{}]},"data":{"a":"1"}}`,
		`update two {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web","namespace":"a","labels":{"l":"1"}},"data":{"a":"2"}}`,
		`apply three {` + mapHead + `,"data":{"a":"3"}}`,
		`apply! three {` + mapHead + `,"data":{"a":"3"}}`,
		`update two {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web","namespace":"a","managedFields":[{"manager":"x","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:a":{}}}}]},"data":{"a":"3","b":"<&>"}}`,
		`update two {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web","namespace":"a","managedFields":[{"manager":"x","operation":"Nothing"}]},"data":{"a":"4"}}`,
	}},
}
