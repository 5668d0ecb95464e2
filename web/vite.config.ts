// How the page is built, and how it is served while one works on it: everything under /api goes to a running server,
// http://127.0.0.1:7625 unless SOCKLAB says another. Open it once as /?token=TOKEN, with the token of that server.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

const server = process.env["SOCKLAB"] ?? "http://127.0.0.1:7625";

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: "es2023",
    // The policy allows fonts and pictures of this origin, and no data: in styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    license: { fileName: "licences.md" },
  },
  server: {
    host: "127.0.0.1",
    proxy: {
      "/api": {
        target: server,
        changeOrigin: true,
        ws: true,
        // The server takes requests of its own pages only, and this one stands in for them.
        headers: { origin: server },
      },
      // The token of the opened URL becomes a cookie there.
      "^/\\?token=": { target: server, changeOrigin: true },
    },
  },
});
