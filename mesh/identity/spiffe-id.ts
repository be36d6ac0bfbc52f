/** The name of a workload: `spiffe://ordermesh/order` (https://spiffe.io, SPIFFE-ID). */
export interface SpiffeId {
  /** All of it. */
  readonly uri: string;
  /** `ordermesh`. */
  readonly trustDomain: string;
  /** `/order`. */
  readonly path: string;
}

const maxUriLength = 2048;
const maxTrustDomainLength = 255;
const form = /^spiffe:\/\/([a-z0-9._-]+)((?:\/[A-Za-z0-9._-]+)+)$/;
const dotSegment = /\/\.\.?(?:\/|$)/;

/** Returns a SPIFFE id; `undefined` if the text is none, or has no path: such as that names a trust domain. */
export function parseSpiffeId(uri: string): SpiffeId | undefined {
  const [, trustDomain, path] = (uri.length <= maxUriLength && form.exec(uri)) || [];
  if (trustDomain === undefined || path === undefined || trustDomain.length > maxTrustDomainLength) return undefined;
  return dotSegment.test(path) ? undefined : { uri, trustDomain, path };
}

/** Converts between the names of services and SPIFFE ids of one trust domain. */
export interface ServiceIds {
  readonly trustDomain: string;
  /** Returns the SPIFFE id of a service: `spiffe://ordermesh/order`. */
  idOf(service: string): string;
  /** Returns the service that an id names; `undefined` if it is of another form, such as another namespace. */
  serviceOf(id: SpiffeId): string | undefined;
}

const trustDomainPart = '<trust domain>';
const servicePart = '<service>';
const serviceName = /^[a-z0-9][a-z0-9._-]*$/;

/** What names a service by default. */
export const defaultServiceId = `spiffe://${trustDomainPart}/${servicePart}`;

/** Returns what is wrong with a template of SPIFFE ids, to follow it; `undefined` if nothing is. */
export function templateProblem(template: string): string | undefined {
  if (template.split(servicePart).length !== 2) return `must contain ${servicePart} once`;
  const example = template.replace(trustDomainPart, 'example').replace(servicePart, 'order');
  if (parseSpiffeId(example) === undefined) return `is no SPIFFE id: use ${defaultServiceId}`;
  return /^spiffe:\/\/[^/]*<service>/.test(template) ? `must have ${servicePart} in its path` : undefined;
}

/** By a template that `templateProblem` accepts; `<trust domain>` in it is replaced by `trustDomain`. */
export function createServiceIds(template: string, trustDomain: string): ServiceIds {
  const [before = '', after = ''] = template.replace(trustDomainPart, trustDomain).split(servicePart);
  return {
    trustDomain,
    idOf: (service) => `${before}${service}${after}`,
    serviceOf({ uri }) {
      if (!uri.startsWith(before) || !uri.endsWith(after)) return undefined;
      const service = uri.slice(before.length, uri.length - after.length);
      return serviceName.test(service) ? service : undefined;
    },
  };
}
