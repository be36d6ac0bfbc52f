/** A text from outside in a form that every database takes: PostgreSQL refuses NUL, which becomes U+FFFD. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}
