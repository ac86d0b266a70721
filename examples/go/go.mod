module expmig.example/migrate

go 1.19
