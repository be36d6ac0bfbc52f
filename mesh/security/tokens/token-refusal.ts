/** Why tokens are refused. Values of a metric's label. */
export const refusalKinds = [
  'not_bearer',
  'too_large',
  'malformed',
  'encrypted',
  'nested',
  'header',
  'algorithm',
  'unknown_key',
  'signature',
  'issuer',
  'audience',
  'expired',
  'not_yet_valid',
  'claims',
] as const;
export type RefusalKind = (typeof refusalKinds)[number];

/** Why a token is refused: for the log, never for its sender. */
export class TokenRefusal extends Error {
  override readonly name = 'TokenRefusal';
  readonly kind: RefusalKind;

  /** `problem` completes "the token …". */
  constructor(kind: RefusalKind, problem: string) {
    super(problem);
    this.kind = kind;
  }
}
