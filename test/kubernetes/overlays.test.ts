import { readFile } from 'node:fs/promises';
import { beforeAll, expect, it } from 'vitest';
import { processSettings } from '../../mesh/config/process-settings.ts';
import { fileVariableOf } from '../../mesh/config/setting-files.ts';
import { kustomize } from '../../mesh/testing/servers/go-tools.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { runnableServices } from '../../services/all.ts';
import {
  container,
  type Manifest,
  only,
  parseManifests,
  renderOverlay,
  type SecretVolume,
} from './support/manifests.ts';

const names = runnableServices.map(({ name }) => name).filter((name) => name !== 'edge');

describeWithServer(kustomize, 'deploy/kubernetes, rendered', () => {
  let texts: Readonly<Record<'plain' | 'production', string>>;
  let overlays: Readonly<Record<'plain' | 'production', readonly Manifest[]>>;
  beforeAll(async () => {
    const [plain, production] = await Promise.all([renderOverlay('plain'), renderOverlay('production')]);
    texts = { plain, production };
    overlays = { plain: parseManifests(plain), production: parseManifests(production) };
  });

  it.each(['plain', 'production'] as const)('puts everything into the namespace production in %s', (overlay) => {
    const [namespace] = overlays[overlay].filter(({ kind }) => kind === 'Namespace');
    expect(namespace?.metadata).toMatchObject({
      name: 'production',
      labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    });
    for (const { kind, metadata } of overlays[overlay])
      if (kind !== 'Namespace')
        expect([kind, metadata.name, metadata.namespace]).toEqual([kind, metadata.name, 'production']);
  });

  it('answers at the addresses of the reference', () => {
    // user-service:50051, http://order-service:8080/api, http://order-service.production.svc.cluster.local
    const portsOf = (name: string) => only(overlays.plain, 'Service', name).spec.ports;
    expect(portsOf('user-service')).toMatchObject([{ name: 'grpc', port: 50_051 }]);
    const order = portsOf('order-service');
    expect(order.filter(({ targetPort }) => targetPort === 'http').map(({ port }) => port)).toEqual([80, 8080]);
    // A Service without an address of its own leads to no other port than its own.
    expect(only(overlays.plain, 'Service', 'order-service').spec.clusterIP).toBeUndefined();
    expect(portOf(only(overlays.plain, 'Deployment', 'order'), 'http')).toBe(8080);
    expect(container(only(overlays.plain, 'Deployment', 'order')).args).toContain('edge');
  });

  it('runs the version of package.json', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    for (const name of names)
      expect(container(only(overlays.plain, 'Deployment', name)).image).toBe(`ordermesh/ordermesh:${version}`);
  });

  it.each(names)('runs %s without rights, in two instances of which one is always there', (name) => {
    const { spec } = only(overlays.production, 'Deployment', name);
    const pod = spec.template.spec;
    expect(spec).toMatchObject({ replicas: 2, strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } });
    expect(pod.securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: 10_001,
      runAsGroup: 10_001,
      fsGroup: 10_001,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container(only(overlays.production, 'Deployment', name))).toMatchObject({
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
      resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '512Mi' } },
    });
    // Only who asks the API server for instances has a token of it.
    const account = name === 'gateway' || name === 'ops' ? 'discovery' : 'mesh';
    expect([pod.serviceAccountName, pod.automountServiceAccountToken]).toEqual([account, undefined]);
    const { automountServiceAccountToken } = only(overlays.production, 'ServiceAccount', account);
    expect(automountServiceAccountToken ?? true).toBe(account === 'discovery');
  });

  it.each(names)('gives %s the time that a drain takes', (name) => {
    const deployment = only(overlays.production, 'Deployment', name);
    const drainMs = Number(settingsOf(overlays.production).DRAIN_TIMEOUT_MS);
    const preStopS = container(deployment).lifecycle?.preStop.sleep.seconds ?? 0;
    const graceS = deployment.spec.template.spec.terminationGracePeriodSeconds ?? 0;
    expect(graceS).toBeGreaterThan(preStopS + drainMs / 1_000 + 3);
  });

  it('probes by gRPC without TLS, and by a program with it, under the same names', () => {
    for (const name of names) {
      const plain = container(only(overlays.plain, 'Deployment', name));
      const production = container(only(overlays.production, 'Deployment', name));
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const) {
        const { grpc } = plain[probe] ?? {};
        expect(grpc?.port).toBe(50_051);
        const command = ['node', '/app/deploy/health.ts', ...(grpc?.service === undefined ? [] : [grpc.service])];
        expect([production[probe]?.exec?.command, production[probe]?.grpc]).toEqual([command, undefined]);
      }
    }
  });

  it('gives each service Secrets of its own, and those of servers only to whom uses them', () => {
    for (const overlay of Object.values(overlays)) {
      const mounted = names.flatMap((name) =>
        secretsOf(only(overlay, 'Deployment', name)).map(({ secretName }) => secretName),
      );
      expect(mounted.toSorted()).toEqual(
        ['carrier', 'mail', ...names.map((name) => `${name}-tls`), ...names.map((name) => `${name}-servers`)]
          .filter((secret) => secret !== 'gateway-servers')
          .toSorted(),
      );
    }
    // The bridge has no database.
    const { env = [] } = container(only(overlays.production, 'Deployment', 'bridge'));
    expect(env.map(({ name }) => name)).toEqual(['EVENTS_URL_FILE']);
  });

  it.each(names)('tells %s where RabbitMQ is if it uses tasks, or else that there is none', (name) => {
    const { env = [] } = container(only(overlays.production, 'Deployment', name));
    const own = Object.fromEntries(env.map(({ name, value = '' }) => [name, value]));
    const { TASKS_URL, TASKS_URL_FILE = '' } = { ...settingsOf(overlays.production), ...own };
    const isUser = name === 'notification' || name === 'ops';
    expect([TASKS_URL, TASKS_URL_FILE]).toEqual(isUser ? ['', '/run/secrets/servers/tasks-url'] : ['off', '']);
  });

  it('needs the Secrets that docs/kubernetes.md creates', async () => {
    const page = await readFile(new URL('../../docs/kubernetes.md', import.meta.url), 'utf8');
    const created: string[] = [];
    const loop = /for s in ([\w ]+); do\n([\s\S]*?)\n *done/g;
    for (const [, list = '', body = ''] of page.matchAll(loop))
      created.push(...list.split(' ').map((name) => secretIn(body).replace('$s', name)));
    for (const line of page.replaceAll(loop, '').split('\n'))
      if (line.includes('create secret')) created.push(secretIn(line));
    const mounted = names.flatMap((name) => secretsOf(only(overlays.production, 'Deployment', name)));
    expect(created.toSorted()).toEqual(mounted.map(({ secretName }) => secretName).toSorted());
  });

  it('needs certificates in production only, where pods wait for them', () => {
    const areOptional = (overlay: readonly Manifest[]) =>
      new Set(
        names.flatMap((name) =>
          secretsOf(only(overlay, 'Deployment', name))
            .filter(({ secretName }) => secretName.endsWith('-tls'))
            .map(({ optional }) => optional ?? false),
        ),
      );
    expect(areOptional(overlays.plain)).toEqual(new Set([true]));
    expect(areOptional(overlays.production)).toEqual(new Set([false]));
  });

  it('replaces the pods when a setting changes: the name of the settings has their hash', () => {
    const configMapOf = (overlay: readonly Manifest[]) =>
      overlay.find(({ kind }) => kind === 'ConfigMap')?.metadata.name;
    for (const overlay of Object.values(overlays)) {
      expect(configMapOf(overlay)).toMatch(/^settings-[a-z0-9]{10}$/);
      for (const name of names)
        expect(container(only(overlay, 'Deployment', name)).envFrom).toEqual([
          { configMapRef: { name: configMapOf(overlay) } },
        ]);
    }
    expect(configMapOf(overlays.plain)).not.toBe(configMapOf(overlays.production));
  });

  it.each(names)('lets nodes be drained of %s, also while it has one pod or none that is ready', (name) => {
    const { spec } = only(overlays.production, 'PodDisruptionBudget', name);
    expect(spec).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    expect(spec.minAvailable).toBeUndefined();
  });

  it.each(names)('spreads the pods of %s, by labels that they have', (name) => {
    const { template } = only(overlays.production, 'Deployment', name).spec;
    const { topologySpreadConstraints: spreads = [] } = template.spec;
    expect(spreads.map(({ topologyKey }) => topologyKey)).toEqual([
      'kubernetes.io/hostname',
      'topology.kubernetes.io/zone',
    ]);
    for (const { labelSelector, matchLabelKeys, whenUnsatisfiable } of spreads) {
      // A cluster with one node runs it too.
      expect(whenUnsatisfiable).toBe('ScheduleAnyway');
      expect(template.metadata.labels).toMatchObject(labelSelector.matchLabels);
      // The Deployment adds the other one.
      expect(Object.keys(template.metadata.labels)).toContain(matchLabelKeys[0]);
      expect(matchLabelKeys[1]).toBe('pod-template-hash');
    }
  });

  it('has the labels by which policies select pods', () => {
    for (const name of names)
      expect(only(overlays.production, 'Deployment', name).spec.template.metadata.labels).toEqual({
        'app.kubernetes.io/name': name,
        'app.kubernetes.io/part-of': 'ordermesh',
      });
  });

  it('is secured, or says that it is not', () => {
    expect(settingsOf(overlays.production)).toMatchObject({
      TLS_CERT: expect.any(String),
      TLS_KEY: expect.any(String),
      TLS_CA: expect.any(String),
      AUTH_JWKS: expect.stringMatching(/^https:/),
    });
    expect(settingsOf(overlays.production)).not.toHaveProperty('ALLOW_INSECURE');
    expect(settingsOf(overlays.plain)).toMatchObject({ ALLOW_INSECURE: '1' });
  });

  it('sets only settings that there are', () => {
    const known = Object.values(processSettings).flatMap((setting) => [setting.variable, fileVariableOf(setting)]);
    const ofServices = ['CARRIER_URL_FILE', 'MAIL_URL_FILE', 'NODE_OPTIONS'];
    for (const objects of Object.values(overlays)) {
      const variables = objects.flatMap((one) =>
        one.kind === 'Deployment' ? (container(one).env ?? []).map(({ name }) => name) : [],
      );
      for (const variable of [...variables, ...Object.keys(settingsOf(objects))])
        expect([...known, ...ofServices]).toContain(variable);
    }
  });

  it.each(['plain', 'production'] as const)('has no secret in %s', (overlay) => {
    expect(overlays[overlay].filter(({ kind }) => kind === 'Secret')).toEqual([]);
    expect(texts[overlay]).not.toMatch(/:\/\/[^\s/@]*:[^\s/@]+@|PRIVATE KEY|password:/i);
  });
});

/** The name of the Secret that a command creates. */
function secretIn(command: string): string {
  return /create secret generic (\S+)/.exec(command)?.[1] ?? expect.fail(`no Secret in ${command}`);
}

/** The Secrets that the pods of a Deployment mount. */
function secretsOf({ spec }: Manifest): readonly SecretVolume[] {
  return (spec.template.spec.volumes ?? []).flatMap(({ secret }) => secret ?? []);
}

/** The settings that all pods have. */
function settingsOf(objects: readonly Manifest[]): Readonly<Record<string, string>> {
  return (
    objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('settings-'))?.data ?? {}
  );
}

function portOf(deployment: Manifest, name: string): number | undefined {
  return container(deployment).ports?.find((port) => port.name === name)?.containerPort;
}
