import type { Setting } from './setting.ts';

/** Who may reach a process, and what its callers have to prove. */
export const securitySettings = {
  /** Whether other machines may reach a listener that does not check who calls. */
  allowInsecure: {
    variable: 'ALLOW_INSECURE',
    default: '0',
    allowed: '0 or 1',
    doc:
      '`1`: start although other machines reach a listener without TLS or tokens, with a warning at each start. Only ' +
      'for private networks and containers whose ports are published to this machine alone ' +
      '([listeners](operating.md#listeners))',
    parse: (text: string) => (text === '1' ? true : text === '0' ? false : undefined),
  } satisfies Setting<boolean>,
} as const;
