module expmig.example/expmig

go 1.19
