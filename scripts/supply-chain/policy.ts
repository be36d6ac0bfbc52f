/** Permissive licences: they ask for no more than their notice. */
export const allowedLicences: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'MIT-0',
]);

interface LicenceException {
  readonly licence: string;
  readonly packages: RegExp;
  readonly developmentOnly: boolean;
  readonly why: string;
}

/** Other licences, for packages by name. */
export const licenceExceptions: readonly LicenceException[] = [
  {
    licence: 'MPL-2.0',
    packages: /^lightningcss(-|$)/,
    developmentOnly: true,
    why:
      'a dependency of Vitest by way of Vite; its copyleft covers changes to its own files, and none are made or ' +
      'shipped',
  },
];

/**
 * Packages with an install script, which `ignore-scripts` in `.npmrc` keeps from running, and why they work without.
 */
export const unrunInstallScripts: Readonly<Record<string, string>> = {
  '@bufbuild/buf': 'checks that the optional package with the program for this platform is there',
  '@scarf/scarf': 'reports the installation to its maker',
  protobufjs: 'warns of a version range in package.json',
};

/** A known vulnerability that does not matter here, for a while. */
export interface IgnoredAdvisory {
  /** Of the advisory, or one of its aliases. */
  readonly id: string;
  /** The package. */
  readonly name: string;
  /** The day from which it counts again, `2027-01-31`. */
  readonly until: string;
  readonly why: string;
}

export const ignoredAdvisories: readonly IgnoredAdvisory[] = [];
