/** At most `limit` bytes of UTF-8, cut between characters: so much room a field of the edited data has. */
export function shorten(text: string, limit: number): string {
  let short = text;
  while (Buffer.byteLength(short, 'utf8') > limit) short = short.slice(0, -1);
  return short;
}
