/** A `.wasm` file imported by the Worker: compiled when it was deployed, as the runtime demands. */
declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}
