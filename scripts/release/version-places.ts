/** Where the version stands in a file: in the first group of each match. */
export interface VersionPlace {
  readonly file: string;
  readonly pattern: RegExp;
}

const version = '(\\d+\\.\\d+\\.\\d+)';
const ownKey = new RegExp(`^  "version": "${version}"`, 'm');
/** A lockfile has its package twice. */
const ownLock = new RegExp(`"name": "ordermesh-aws",\\s*"version": "${version}"`, 'g');
const image = new RegExp(`ordermesh/ordermesh:${version}`, 'g');
const clientFile = new RegExp(`ordermesh-(?:clients-)?${version}[-.](?:py3|tgz|jar)`, 'g');
const mavenClients = new RegExp(`<artifactId>ordermesh-clients</artifactId>\\s*<version>${version}`, 'g');
const table = new RegExp(`^version = "${version}"`, 'm');

/** The places that show the version of the repository, but for generated files and the root's lockfile. */
export const versionPlaces: readonly VersionPlace[] = [
  { file: 'package.json', pattern: ownKey },
  ...['grpc', 'mesh', 'cli'].map((name) => ({ file: `packages/${name}/package.json`, pattern: ownKey })),
  { file: 'packages/mesh/README.md', pattern: new RegExp(`"@ordermesh/mesh": "${version}"`, 'g') },
  ...['deploy/Dockerfile', 'docs/containers.md', 'docs/operating.md'].map((file) => ({ file, pattern: image })),
  { file: 'deploy/kubernetes/base/kustomization.yaml', pattern: new RegExp(`newTag: ${version}`, 'g') },
  { file: 'docker-compose.yml', pattern: new RegExp(`\\$\\{ORDERMESH_VERSION:-${version}\\}`, 'g') },
  { file: 'docs/contracts.md', pattern: clientFile },
  { file: 'scripts/clients/csharp/Ordermesh.Clients.csproj', pattern: new RegExp(`<Version>${version}</Version>`) },
  { file: 'scripts/clients/java/README.md', pattern: clientFile },
  ...['scripts/clients/java/README.md', 'scripts/clients/java/pom.xml', 'examples/clients/java/pom.xml'].map(
    (file) => ({
      file,
      pattern: mavenClients,
    }),
  ),
  { file: 'deploy/aws/package.json', pattern: ownKey },
  { file: 'deploy/aws/package-lock.json', pattern: ownLock },
  { file: 'scripts/clients/python/README.md', pattern: clientFile },
  { file: 'scripts/clients/python/pyproject.toml', pattern: table },
  { file: 'scripts/clients/rust/Cargo.toml', pattern: table },
  { file: 'examples/clients/rust/Cargo.lock', pattern: new RegExp(`name = "ordermesh"\\nversion = "${version}"`) },
  { file: 'scripts/clients/typescript/README.md', pattern: clientFile },
  { file: 'scripts/clients/typescript/package.json', pattern: ownKey },
  { file: 'examples/clients/typescript/package.json', pattern: clientFile },
];
