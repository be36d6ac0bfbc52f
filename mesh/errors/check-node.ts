/**
 * Throws, with what to do, if `version` of Node is older than `needed`, such as `24.12`. `name` is the program or package. What has
 * to work on an older Node imports this module and no other one before it has called it.
 */
export function checkNode(name: string, needed: string, version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [neededMajor = 0, neededMinor = 0] = needed.split('.').map(Number);
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return;
  throw new Error(`${name} needs Node ${needed} or later, this is ${version}: install a newer one`);
}
