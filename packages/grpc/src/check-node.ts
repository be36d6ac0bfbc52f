/** The oldest Node that this package runs on: a bundle cannot read its package.json, whose `engines` has the same. */
export const neededNode = '24.12';

/** Throws if a version of Node is older than that. */
export function checkNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [neededMajor = 0, neededMinor = 0] = neededNode.split('.').map(Number);
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return;
  throw new Error(`@ordermesh/grpc needs Node ${neededNode} or later, this is ${version}: install a newer one`);
}
