/**
 * Compares two versions by the precedence of Semantic Versioning 2.0.0, §11: negative if `left` is before `right`.
 * Throws if one is not a version.
 */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [parse(left), parse(right)];
  for (let index = 0; index < 3; index += 1) {
    const difference = (a.numbers[index] ?? 0) - (b.numbers[index] ?? 0);
    if (difference !== 0) return difference;
  }
  // A version is after its pre-releases.
  if (a.labels.length === 0 || b.labels.length === 0) return b.labels.length - a.labels.length;
  for (let index = 0; index < Math.min(a.labels.length, b.labels.length); index += 1) {
    const difference = compareLabels(`${a.labels[index]}`, `${b.labels[index]}`);
    if (difference !== 0) return difference;
  }
  return a.labels.length - b.labels.length;
}

interface Version {
  readonly numbers: readonly number[];
  /** The dotted parts of a pre-release: `rc`, `1`. */
  readonly labels: readonly string[];
}

function parse(text: string): Version {
  const match = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(text);
  if (match === null) throw new Error(`"${text}" is not a version`);
  return { numbers: match.slice(1, 4).map((part) => Number(part ?? 0)), labels: match[4]?.split('.') ?? [] };
}

/** Numbers are before words. */
function compareLabels(left: string, right: string): number {
  const [isLeftNumber, isRightNumber] = [/^\d+$/.test(left), /^\d+$/.test(right)];
  if (isLeftNumber && isRightNumber) return Number(left) - Number(right);
  if (isLeftNumber !== isRightNumber) return isLeftNumber ? -1 : 1;
  return left < right ? -1 : Number(left > right);
}
