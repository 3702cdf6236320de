// Its presence lets a function have no body: see quick.go.
