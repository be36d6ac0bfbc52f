import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { processSettings } from '../../mesh/config/process-settings.ts';
import { fileVariableOf } from '../../mesh/config/setting-files.ts';
import { kustomize } from '../../mesh/testing/servers/go-tools.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { runnableServices } from '../../services/all.ts';
import { container, folder, type Manifest, only, parseManifests } from './support/manifests.ts';

const names = runnableServices.map(({ name }) => name).filter((name) => name !== 'edge');

describeWithServer(kustomize, 'deploy/kubernetes, rendered', () => {
  let texts: Readonly<Record<'plain' | 'production', string>>;
  let overlays: Readonly<Record<'plain' | 'production', readonly Manifest[]>>;
  beforeAll(async () => {
    const [plain, production] = await Promise.all([render('plain'), render('production')]);
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

  it('has certificates by the names of services, and the passwords of servers only where they are used', () => {
    for (const name of names) {
      const { volumes = [] } = only(overlays.production, 'Deployment', name).spec.template.spec;
      const secrets = volumes.flatMap(({ secret }) => secret?.secretName ?? []);
      expect(secrets).toContain(`${name}-tls`);
      expect(secrets.includes('servers')).toBe(name !== 'gateway');
    }
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

async function render(overlay: string): Promise<string> {
  const path = fileURLToPath(new URL(`overlays/${overlay}`, folder));
  return (await promisify(execFile)(kustomize.path, ['build', path])).stdout;
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
