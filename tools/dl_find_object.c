/* glibc's _dl_find_object for gcc's unwinder in programs with musl, which lacks it: the object that holds an address. */
#define _GNU_SOURCE
#include <link.h>
#include <stddef.h>

struct dl_find_object {
    unsigned long long flags;
    void *map_start, *map_end, *link_map, *eh_frame;
    unsigned long long reserved[7];
};

struct search {
    ElfW(Addr) address;
    struct dl_find_object *found;
};

static int look(struct dl_phdr_info *info, size_t size, void *data) {
    struct search *search = data;
    ElfW(Addr) start = 0, end = 0, eh_frame = 0;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        ElfW(Addr) first = info->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && search->address >= first && search->address < first + header->p_memsz) {
            start = first;
            end = first + header->p_memsz;
        } else if (header->p_type == PT_GNU_EH_FRAME) {
            eh_frame = first;
        }
    }
    if (!end || !eh_frame) return 0;
    *search->found = (struct dl_find_object){0, (void *)start, (void *)end, NULL, (void *)eh_frame, {0}};
    return 1;
}

int _dl_find_object(void *address, struct dl_find_object *found) {
    struct search search = {(ElfW(Addr))address, found};
    return dl_iterate_phdr(look, &search) ? 0 : -1;
}
