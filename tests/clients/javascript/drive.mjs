// The JavaScript client against a cluster: one fact after the other. The first that does not hold ends it with 1.

import assert from 'node:assert/strict';
import { Readable, Writable } from 'node:stream';
import * as k8s from '@kubernetes/client-node';

const SPACE = 'javascript';
const PATIENCE_SECONDS = 60;

const config = new k8s.KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(k8s.CoreV1Api);
const apps = config.makeApiClient(k8s.AppsV1Api);
const objects = k8s.KubernetesObjectApi.makeApiClient(config);

// The call fails with a Status of this code and reason whose message has the text.
async function refused(code, reason, says, call) {
    const error = await call().then(() => assert.fail(`it was not refused with ${reason}`), (error) => error);
    if (!(error instanceof k8s.ApiException)) throw error;
    const body = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
    assert.deepEqual([error.code, body.kind, body.code, body.reason], [code, 'Status', code, reason]);
    assert.ok(body.message.includes(says), `${says} is not in ${body.message}`);
    return body;
}

// Watches until an event meets the condition; gives its object.
function waitFor(path, query, condition) {
    return new Promise((found, failed) => {
        const heard = (type, object) => condition(type, object) && found(object);
        const ended = (error) => failed(error ?? new Error(`waited ${PATIENCE_SECONDS} s at ${path}`));
        new k8s.Watch(config)
            .watch(path, { timeoutSeconds: PATIENCE_SECONDS, ...query }, heard, ended)
            .catch(failed);
    });
}

// A stream that remembers what is written to it.
class Heard extends Writable {
    text = '';
    waiting = [];
    _write(chunk, _, done) {
        this.text += chunk;
        this.waiting = this.waiting.filter(([part, found]) => !this.text.includes(part) || found());
        done();
    }
    has(part) {
        return this.text.includes(part) ? undefined : new Promise((found) => this.waiting.push([part, found]));
    }
}

const inSpace = (more) => ({ namespace: SPACE, ...more });
const contentType = (kind) => k8s.setHeaderOptions('Content-Type', kind);
const namesOf = (list) => list.items.map((item) => item.metadata.name);

async function versions() {
    assert.match((await config.makeApiClient(k8s.VersionApi).getCode()).gitVersion, /^v1\./);
    const groups = await config.makeApiClient(k8s.ApisApi).getAPIVersions();
    assert.ok(groups.groups.some((group) => group.name === 'apps'));
}

async function changes() {
    const body = { metadata: { name: 'one', labels: { a: 'b' } }, data: { key: 'value' } };
    const create = (more) => core.createNamespacedConfigMap(inSpace({ body, ...more }));
    assert.ok((await create({ dryRun: 'All' })).metadata.uid);
    const made = await create({ fieldManager: 'driver' });
    assert.equal(made.metadata.managedFields[0].manager, 'driver');
    assert.ok(made.metadata.creationTimestamp instanceof Date);
    await refused(409, 'AlreadyExists', 'configmaps "one" already exists', create);
    made.data.key = 'other';
    const replace = () => core.replaceNamespacedConfigMap(inSpace({ name: 'one', body: made }));
    assert.notEqual((await replace()).metadata.resourceVersion, made.metadata.resourceVersion);
    await refused(409, 'Conflict', 'the object has been modified', replace);
    const read = () => core.readNamespacedConfigMap(inSpace({ name: 'one' }));
    assert.deepEqual((await read()).data, { key: 'other' });
    const list = (more) => core.listNamespacedConfigMap(inSpace(more));
    assert.deepEqual(namesOf(await list({ labelSelector: 'a in (b,c)' })), ['one']);
    assert.deepEqual(namesOf(await list({ fieldSelector: 'metadata.name=two' })), []);
    const wrong = { metadata: { name: 'Bad_Name' } };
    const status = await refused(422, 'Invalid', 'a lowercase RFC 1123 subdomain', () => create({ body: wrong }));
    assert.equal(status.details.causes[0].field, 'metadata.name');
    assert.equal((await core.deleteNamespacedConfigMap(inSpace({ name: 'one' }))).status, 'Success');
    await refused(404, 'NotFound', 'configmaps "one" not found', read);
}

async function patches() {
    await core.createNamespacedConfigMap(inSpace({ body: { metadata: { name: 'patched' }, data: { a: '1', b: '2' } } }));
    const patch = async (kind, body, more) =>
        (await core.patchNamespacedConfigMap(inSpace({ name: 'patched', body, ...more }), contentType(kind))).data;
    const { JsonPatch, MergePatch, ServerSideApply, StrategicMergePatch } = k8s.PatchStrategy;
    assert.deepEqual(await patch(StrategicMergePatch, { data: { a: '3' } }), { a: '3', b: '2' });
    assert.deepEqual(await patch(MergePatch, { data: { b: null } }), { a: '3' });
    assert.deepEqual(await patch(JsonPatch, [{ op: 'add', path: '/data/c', value: '4' }]), { a: '3', c: '4' });
    const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'patched' }, data: { c: '5' } };
    const apply = (more) => patch(ServerSideApply, applied, { fieldManager: 'driver', ...more });
    const status = await refused(409, 'Conflict', '.data.c', apply);
    assert.equal(status.details.causes[0].reason, 'FieldManagerConflict');
    assert.deepEqual(await apply({ force: true }), { a: '3', c: '5' });
}

async function watches() {
    const path = `/api/v1/namespaces/${SPACE}/configmaps`;
    const informer = k8s.makeInformer(config, path, () => core.listNamespacedConfigMap(inSpace()));
    const heard = new Heard();
    for (const verb of ['add', 'update', 'delete']) {
        informer.on(verb, (map) => map.metadata.name === 'watched' && heard.write(`${verb} ${map.metadata.labels.w};`));
    }
    await informer.start();
    const start = (await core.listNamespacedConfigMap(inSpace())).metadata.resourceVersion;
    await core.createNamespacedConfigMap(inSpace({ body: { metadata: { name: 'watched', labels: { w: '1' } } } }));
    const body = { metadata: { labels: { w: '2' } } };
    await core.patchNamespacedConfigMap(inSpace({ name: 'watched', body }), contentType(k8s.PatchStrategy.MergePatch));
    await core.deleteNamespacedConfigMap(inSpace({ name: 'watched' }));
    await heard.has('delete');
    assert.equal(heard.text, 'add 1;update 2;delete 2;');
    assert.equal(informer.get('watched', SPACE), undefined);
    assert.ok(informer.get('patched', SPACE));
    await informer.stop();
    // Again from the revision before, by what is not live any more; the object leaves this selector with its change.
    const seen = [];
    const query = { resourceVersion: start, labelSelector: 'w=1' };
    await waitFor(path, query, (type) => seen.push(type) && type === 'DELETED');
    assert.deepEqual(seen, ['ADDED', 'DELETED']);
}

async function workloads() {
    const containers = [{ name: 'sleeper', image: 'busybox:1.36', command: ['sleep', '1000'] }];
    const template = { metadata: { labels: { app: 'sleeper' } }, spec: { containers, terminationGracePeriodSeconds: 0 } };
    const spec = { replicas: 1, selector: { matchLabels: { app: 'sleeper' } }, template };
    const metadata = { name: 'sleeper' };
    await apps.createNamespacedDeployment(inSpace({ body: { metadata, spec } }));
    const wait = (condition) =>
        waitFor(`/apis/apps/v1/namespaces/${SPACE}/deployments`, { fieldSelector: 'metadata.name=sleeper' }, condition);
    await wait((_, object) => object.status?.availableReplicas === 1);
    const body = { spec: { replicas: 2 } };
    const named = inSpace({ name: 'sleeper' });
    const scale = await apps.patchNamespacedDeploymentScale({ ...named, body }, contentType(k8s.PatchStrategy.MergePatch));
    assert.deepEqual([scale.kind, scale.spec.replicas, scale.status.selector], ['Scale', 2, 'app=sleeper']);
    await wait((_, object) => object.status?.availableReplicas === 2);
    await apps.deleteNamespacedDeployment({ ...named, propagationPolicy: 'Foreground' });
    await wait((type) => type === 'DELETED');
}

async function pod() {
    const command = ['sh', '-c', 'echo first; echo second; while true; do echo page | nc -l -p 8080; done'];
    const containers = [{ name: 'main', image: 'busybox:1.36', command }];
    const spec = { containers, terminationGracePeriodSeconds: 0 };
    await core.createNamespacedPod(inSpace({ body: { metadata: { name: 'shell' }, spec } }));
    const pods = `/api/v1/namespaces/${SPACE}/pods`;
    await waitFor(pods, { fieldSelector: 'metadata.name=shell' }, (_, pod) => pod.status?.phase === 'Running');
    const followed = new Heard();
    await new k8s.Log(config).log(SPACE, 'shell', 'main', followed, { follow: true });
    await followed.has('second');
    assert.equal(await core.readNamespacedPodLog(inSpace({ name: 'shell', tailLines: 1 })), 'second\n');

    const [out, err] = [new Heard(), new Heard()];
    const input = Readable.from(['you\n']);
    const line = ['sh', '-c', 'read line; echo heard $line; echo wrong >&2; exit 3'];
    const status = await new Promise((ended, failed) =>
        new k8s.Exec(config).exec(SPACE, 'shell', 'main', line, out, err, input, false, ended).catch(failed),
    );
    assert.deepEqual([out.text, err.text, status.status, status.reason], ['heard you\n', 'wrong\n', 'Failure', 'NonZeroExitCode']);
    assert.deepEqual(status.details.causes, [{ reason: 'ExitCode', message: '3' }]);

    const page = new Heard();
    const socket = await new k8s.PortForward(config).portForward(SPACE, 'shell', [8080], page, null, new Readable({ read() {} }));
    await page.has('page');
    socket.close();
    await core.deleteNamespacedPod(inSpace({ name: 'shell' }));
}

const DEFINITION = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'beans.javascript.example.com' },
    spec: {
        group: 'javascript.example.com',
        scope: 'Namespaced',
        names: { plural: 'beans', kind: 'Bean' },
        versions: [{
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: {
                type: 'object',
                properties: { spec: { type: 'object', properties: { size: { type: 'integer', maximum: 10 } } } },
            } },
        }],
    },
};

async function dynamic() {
    await objects.create(structuredClone(DEFINITION));
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const established = (_, object) =>
        object.status?.conditions?.some((condition) => condition.type === 'Established' && condition.status === 'True');
    await waitFor(path, { fieldSelector: `metadata.name=${DEFINITION.metadata.name}` }, established);
    const bean = (size) => ({
        apiVersion: 'javascript.example.com/v1', kind: 'Bean', metadata: { name: 'green', namespace: SPACE }, spec: { size },
    });
    assert.equal((await objects.create(bean(9))).spec.size, 9);
    const apply = (size) =>
        objects.patch(bean(size), undefined, undefined, 'driver', true, k8s.PatchStrategy.ServerSideApply);
    assert.equal((await apply(7)).spec.size, 7);
    await refused(422, 'Invalid', 'should be less than or equal to 10', () => apply(11));
    const custom = config.makeApiClient(k8s.CustomObjectsApi);
    const all = { group: 'javascript.example.com', version: 'v1', plural: 'beans', namespace: SPACE };
    assert.deepEqual(namesOf(await custom.listNamespacedCustomObject(all)), ['green']);
    await objects.delete(bean());
    await refused(404, 'NotFound', 'beans.javascript.example.com "green" not found', () => objects.read(bean()));
    await objects.delete(DEFINITION);
}

await core.createNamespace({ body: { metadata: { name: SPACE } } });
for (const part of [versions, changes, patches, watches, workloads, pod, dynamic]) {
    await part();
    console.log('ok:', part.name);
}
await core.deleteNamespace({ name: SPACE });
await waitFor('/api/v1/namespaces', { fieldSelector: `metadata.name=${SPACE}` }, (type) => type === 'DELETED');
console.log('all is as it has to be');
// Watches of conditions that were met are still open, and the log that is followed.
process.exit(0);
