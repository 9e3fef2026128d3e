/* What Rust's standard library takes from bcryptprimitives.dll. Wine has it from version 10 on; the tests under an older
 * one use this. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length)
{
    return RtlGenRandom(data, (ULONG)length);
}
