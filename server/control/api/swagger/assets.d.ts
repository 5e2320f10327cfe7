/** Files of swagger-ui-dist, imported with `type: "file"`: the path of the file, embedded in an executable. */
declare module "swagger-ui-dist/swagger-ui-bundle.js" {
  const path: string;
  export default path;
}
declare module "swagger-ui-dist/swagger-ui.css" {
  const path: string;
  export default path;
}
