#include <windows.h>

#include "test/dll_host/library.h"

namespace troupe::dll::host {

namespace {

std::wstring wide(const std::string& text) {
  std::wstring out(text.size() + 1, L'\0');
  const int size = ::MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), out.data(),
                                         static_cast<int>(out.size()));
  out.resize(static_cast<size_t>(size));
  return out;
}

template <typename F>
bool find(HMODULE module, const char* name, F& function, std::string& error) {
  function = reinterpret_cast<F>(reinterpret_cast<void*>(::GetProcAddress(module, name)));
  if (function == nullptr) error = std::string("no function ") + name;
  return function != nullptr;
}

}  // namespace

bool load(const std::string& path, Library& library, std::string& error) {
  const HMODULE module = ::LoadLibraryW(wide(path).c_str());
  if (module == nullptr) {
    error = "cannot load " + path + " [" + std::to_string(::GetLastError()) + "]";
    return false;
  }
  library.module = reinterpret_cast<void*>(module);
  return find(module, "troupe_start", library.start, error) && find(module, "troupe_send", library.send, error) &&
         find(module, "troupe_receive", library.receive, error) && find(module, "troupe_stop", library.stop, error) &&
         find(module, "troupe_wait", library.wait, error) &&
         find(module, "troupe_error_text", library.error_text, error);
}

void unload(Library& library) { ::FreeLibrary(reinterpret_cast<HMODULE>(library.module)); }

}  // namespace troupe::dll::host
