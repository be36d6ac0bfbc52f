import type pg from 'pg';

/** Closes a connection without a word to the server, which may not be there to hear it. */
export function destroy(client: pg.ClientBase): void {
  const { connection } = client as pg.ClientBase & { readonly connection: { readonly stream: { destroy(): void } } };
  connection.stream.destroy();
}
