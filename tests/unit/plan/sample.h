// A small checked pipeline, written by hand in the text form of sem.
#pragma once
#include "compiler/ir/sem/sem.h"

namespace mlp::test {

// a: float?, imputed and standardised · b: int, with its mean written twice · c: category, coded · y: the target.
// One aggregate (max) is used by nobody, one (min) only in a branch that is never taken. A network of one layer beside the model, its
// error written twice.
inline const char* const sample_text = R"(sem 1
pipeline name="sample" features="x"
column %0 name="a" type={scalar=float nullable=true}
column %1 name="b" type={scalar=int}
column %2 name="c" type={scalar=category}
column %3 name="y" type={scalar=bool}
column %4 name="key" type={scalar=id}
column %5 name="unread" type={scalar=float}
source name="rows" paths=["rows.csv"]
expect %0 kind=unique column=%4
expr %0 op=column column=%0 type={scalar=float nullable=true} stage=row
expr %1 op=aggregate callee="median" args=[%0] stage=fit
expr %2 op=call callee="coalesce" args=[%0, %1] stage=row
expr %3 op=aggregate callee="mean" args=[%2] stage=fit
expr %4 op=aggregate callee="stddev" args=[%2] stage=fit
expr %5 op=call callee="sub" args=[%2, %3] stage=row
expr %6 op=call callee="div" args=[%5, %4] stage=row
expr %7 op=constant
expr %8 op=call callee="gt" args=[%4, %7] type={scalar=bool} stage=fit
expr %9 op=select args=[%8, %6, %7] stage=row
expr %10 op=column column=%1 type={scalar=int} stage=row
expr %11 op=call callee="to_float" args=[%10] stage=row
expr %12 op=aggregate callee="mean" args=[%11] stage=fit span=@0:10-20
expr %13 op=call callee="to_float" args=[%10] stage=row
expr %14 op=aggregate callee="mean" args=[%13] stage=fit span=@0:30-40
expr %15 op=call callee="sub" args=[%11, %12] stage=row
expr %16 op=call callee="add" args=[%15, %14] stage=row
expr %17 op=column column=%2 type={scalar=category} stage=row
expr %18 op=table callee="vocabulary" args=[%17] stage=fit
expr %19 op=call callee="code" args=[%17, %18] type={scalar=int nullable=true} stage=row
expr %20 op=call callee="to_float" args=[%19] type={scalar=float nullable=true} stage=row
expr %21 op=column column=%3 type={scalar=bool} stage=row
expr %22 op=aggregate callee="max" args=[%11] stage=fit
expr %23 op=constant value={integer=1} type={scalar=int}
expr %24 op=constant value={integer=2} type={scalar=int}
expr %25 op=call callee="lt" args=[%23, %24] type={scalar=bool}
expr %26 op=aggregate callee="min" args=[%11] stage=fit
expr %27 op=select args=[%25, %11, %26] stage=row
expr %28 op=input column=%0 stage=row
expr %29 op=input column=%1 stage=row
expr %30 op=input column=%3 stage=row
expr %31 op=call callee="mul" args=[%30, %29] stage=row
expr %32 op=call callee="sub" args=[%28, %31] stage=row
feature %0 name="standard" value=%9 columns=[%0]
feature %1 name="twice" value=%16 columns=[%1]
feature %2 name="c" value=%20 encoding=category table=%18 columns=[%2]
feature %3 name="branch" value=%27 columns=[%1]
split method=hash column=%4
model name="m" settings={loss=logistic} target=%21 target_name="y" target_columns=[%3] classes=["false", "true"]
weight %0 name="dense_1.w" shape=[3, 1]
weight %1 name="dense_1.b" shape=[1] init=value decays=false
tensor %0 op=numbers shape=[3] rows=true features=[0, 1, 3]
tensor %1 op=weight shape=[3, 1]
tensor %2 op=product args=[%0, %1] shape=[1] rows=true
tensor %3 op=weight shape=[1] integer=1
tensor %4 op=map callee="add" args=[%2, %3] shape=[1] rows=true
tensor %5 op=reshape args=[%4] rows=true
tensor %6 op=target rows=true
tensor %7 op=map callee="sub" args=[%5, %6] rows=true
tensor %8 op=target rows=true
tensor %9 op=map callee="sub" args=[%5, %8] rows=true
tensor %10 op=map callee="mul" args=[%7, %9] rows=true
network score=%5 loss=%10 optimizer={name="sgd" rate=0.01 results=[%32]}
deploy
)";

inline sem::Module sample() { return sem::parse_text(sample_text); }

}  // namespace mlp::test
