/** An error's words and those of its causes, but for what a cause repeats. */
export function withCauses({ message, cause }: Error): string {
  const because = cause instanceof Error ? withCauses(cause) : '';
  if (because === '') return message;
  return because.includes(message) ? because : `${message}: ${because}`;
}
