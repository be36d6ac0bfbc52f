import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { kubeconform, kustomize } from '../mesh/testing/servers/go-tools.ts';

// Renders each overlay of deploy/kubernetes, and checks its objects by the schemas of Kubernetes, in which an unknown field is a
// fault. Without the tools it fails; with `--if-installed`, as in `make check`, it only says so, unless REQUIRE_SERVERS=1.

const root = fileURLToPath(new URL('..', import.meta.url));
const overlays = `${root}deploy/kubernetes/overlays`;
const schemas = `${root}.tools/kubernetes-schemas`;

const theSchemas = 'the schemas of Kubernetes';
const missing = [
  ...[kustomize, kubeconform].filter(({ version }) => version === undefined).map(({ name }) => name),
  ...(existsSync(`${schemas}/requirements-kubernetes.txt`) ? [] : [theSchemas]),
];
if (missing.length > 0) {
  const names = new Intl.ListFormat('en').format(missing);
  const verb = missing.length > 1 || missing[0] === theSchemas ? 'are' : 'is';
  console.error(`deploy/kubernetes was not checked, as ${names} ${verb} missing: run "make deps-kubernetes"`);
  const isOptional = process.argv.includes('--if-installed') && process.env.REQUIRE_SERVERS !== '1';
  process.exit(isOptional ? 0 : 1);
}

const location = `${schemas}/{{ .ResourceKind }}{{ .KindSuffix }}.json`;
for (const overlay of readdirSync(overlays).toSorted()) {
  const input = execFileSync(kustomize.path, ['build', `${overlays}/${overlay}`]);
  const options = ['-strict', '-summary', '-schema-location', location];
  const { status, stdout, stderr } = spawnSync(kubeconform.path, options, { input, encoding: 'utf8' });
  console.log(`${overlay}: ${stdout.trim()}${stderr}`);
  if (status !== 0) process.exitCode = 1;
}
