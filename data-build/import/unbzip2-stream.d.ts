declare module 'unbzip2-stream' {
  /** A duplex stream that unpacks bzip2. */
  export default function unbzip2Stream(): NodeJS.ReadWriteStream;
}
