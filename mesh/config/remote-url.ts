import { isLocal } from './address.ts';

/** Returns a URL if its server is on another machine. Without a host, or with a folder as one, it is a socket of this one. */
export function remoteUrl(text: string): URL | undefined {
  const url = URL.parse(text.replaceAll('<service>', 'service'));
  const host = url?.searchParams.get('host') ?? url?.hostname ?? '';
  return url === null || host === '' || /^(\/|%2F)/.test(host) || isLocal(`${host}:`) ? undefined : url;
}
