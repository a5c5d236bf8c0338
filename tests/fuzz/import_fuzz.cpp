// SPDX-License-Identifier: MIT
// What comes from another process: exported contexts, credentials and names. The first byte says
// which (0 context, 1 credential, 2 name, 3 composite name; +4: the content is put into a right
// envelope, so that the reader behind the checksum is reached; +8: an exported context of ours is
// edited at the first two bytes' place by the third).
#include "abi/transfer.h"
#include "fuzz/module.h"

using namespace ntlm;

namespace {

// Every call that an application might make on what it got back.
void use(gss_ctx_id_t context) {
  OM_uint32 minor = 0;
  OM_uint32 lifetime = 0;
  (void)gss_context_time(&minor, context, &lifetime);
  gss_name_t source = GSS_C_NO_NAME;
  gss_name_t target = GSS_C_NO_NAME;
  (void)gss_inquire_context(&minor, context, &source, &target, nullptr, nullptr, nullptr, nullptr,
                            nullptr);
  for (gss_name_t* name : {&source, &target}) {
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    if (*name != GSS_C_NO_NAME) {
      (void)gss_display_name(&minor, *name, &text, nullptr);
      free(text.value);
      (void)gss_release_name(&minor, name);
    }
  }
  char data[] = "message";
  gss_buffer_desc message{sizeof data, data};
  gss_buffer_desc sealed = GSS_C_EMPTY_BUFFER;
  (void)gss_wrap(&minor, context, 1, GSS_C_QOP_DEFAULT, &message, nullptr, &sealed);
  gss_buffer_desc plain = GSS_C_EMPTY_BUFFER;
  (void)gss_unwrap(&minor, context, &sealed, &plain, nullptr, nullptr);
  free(sealed.value);
  free(plain.value);
  gss_buffer_desc output = GSS_C_EMPTY_BUFFER;
  (void)gss_accept_sec_context(&minor, &context, GSS_C_NO_CREDENTIAL, &message,
                               GSS_C_NO_CHANNEL_BINDINGS, nullptr, nullptr, &output, nullptr,
                               nullptr, nullptr);
  free(output.value);
  (void)gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
}

void import(std::uint8_t kind, Bytes token) {
  OM_uint32 minor = 0;
  gss_buffer_desc buffer{token.size(), token.data()};
  if (kind == 0) {
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    const OM_uint32 major = gss_import_sec_context(&minor, &buffer, &context);
    FUZZ_CHECK((major == GSS_S_COMPLETE) == (context != GSS_C_NO_CONTEXT));
    if (context != GSS_C_NO_CONTEXT) use(context);
  } else if (kind == 1) {
    gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
    const OM_uint32 major = gss_import_cred(&minor, &buffer, &credential);
    FUZZ_CHECK((major == GSS_S_COMPLETE) == (credential != GSS_C_NO_CREDENTIAL));
    (void)gss_release_cred(&minor, &credential);
  } else {
    gss_name_t name = GSS_C_NO_NAME;
    const OM_uint32 major = gss_import_name(
        &minor, &buffer, kind == 2 ? GSS_C_NT_EXPORT_NAME : GSS_C_NT_COMPOSITE_EXPORT, &name);
    FUZZ_CHECK((major == GSS_S_COMPLETE) == (name != GSS_C_NO_NAME));
    if (name == GSS_C_NO_NAME) return;
    gss_buffer_desc exported = GSS_C_EMPTY_BUFFER;
    if (gss_export_name(&minor, name, &exported) == GSS_S_COMPLETE) {
      gss_name_t again = GSS_C_NO_NAME;
      FUZZ_CHECK(gss_import_name(&minor, &exported, GSS_C_NT_EXPORT_NAME, &again) ==
                 GSS_S_COMPLETE);
      int equal = 0;
      FUZZ_CHECK(gss_compare_name(&minor, name, again, &equal) == GSS_S_COMPLETE && equal != 0);
      (void)gss_release_name(&minor, &again);
    }
    free(exported.value);
    (void)gss_release_name(&minor, &name);
  }
}

// One of our own tokens' content: half-made and complete, of both sides.
Bytes exported(std::uint8_t which) {
  fuzz::Pair pair(which % 2 == 0 ? 4 : 2);
  OM_uint32 minor = 0;
  gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
  FUZZ_CHECK(gss_export_sec_context(&minor, which < 2 ? &pair.acceptor : &pair.initiator, &token) ==
             GSS_S_COMPLETE);
  const auto* bytes = static_cast<const std::uint8_t*>(token.value);
  const auto content = abi::open_transfer(abi::TransferKind::kContext, {bytes, token.length});
  FUZZ_CHECK(content);
  free(token.value);
  return Bytes(content->begin(), content->end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::configure();
  if (size < 4) {
    return 0;
  }
  const std::uint8_t kind = data[0] & 3;
  if ((data[0] & 8) != 0) {
    Bytes content = exported(data[0] >> 4 & 3);
    for (std::size_t at = 1; at + 3 <= size; at += 3) {
      content[static_cast<std::size_t>(data[at] | data[at + 1] << 8) % content.size()] ^=
          data[at + 2];
    }
    const auto token = abi::seal_transfer(abi::TransferKind::kContext, content, 300).value();
    import(0, Bytes(token.begin(), token.end()));
    return 0;
  }
  const ByteView content(data + 1, size - 1);
  if ((data[0] & 4) != 0 && kind < 2) {
    const auto envelope = kind == 0 ? abi::TransferKind::kContext : abi::TransferKind::kCredential;
    if (const auto token = abi::seal_transfer(envelope, content, 300)) {
      import(kind, Bytes(token->begin(), token->end()));
    }
    return 0;
  }
  import(kind, Bytes(content.begin(), content.end()));
  return 0;
}
